// Runs one fuzz target without a fuzzer: over its corpus, and over simple mutations of it. This is
// the slice of `make fuzz` that runs in `make test`, with any compiler. usage: TARGET-replay
// CORPUS_DIR [MUTATIONS]
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

void try_input(const std::string& input) {
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
}

std::string mutated(std::string text, const std::string& other, std::mt19937& random) {
    const auto below = [&](std::size_t limit) {
        return std::uniform_int_distribution<std::size_t>(0, limit == 0 ? 0 : limit - 1)(random);
    };
    for (std::size_t changes = 1 + below(4); changes > 0; --changes) {
        const std::size_t at = below(text.size() + 1);
        switch (below(4)) {
            case 0:
                text.insert(at, 1, static_cast<char>(below(256)));
                break;
            case 1:
                text.erase(at, 1 + below(8));
                break;
            case 2:
                if (at < text.size()) text[at] = static_cast<char>(below(256));
                break;
            default:
                text.insert(at, other, below(other.size() + 1), below(64));
                break;
        }
    }
    return text;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) return 64;
    std::vector<std::string> corpus;
    for (const auto& file : std::filesystem::directory_iterator(argv[1])) {
        std::ifstream in(file.path(), std::ios::binary);
        corpus.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
    }
    if (corpus.empty()) {
        std::cerr << "no corpus in " << argv[1] << '\n';
        return 1;
    }
    for (const std::string& input : corpus)
        try_input(input);
    std::mt19937 random(20260101);  // the same run each time: what fails can be run again
    const int mutations = argc > 2 ? std::atoi(argv[2]) : 5000;
    for (int i = 0; i < mutations; ++i)
        try_input(
            mutated(corpus[random() % corpus.size()], corpus[random() % corpus.size()], random));
    std::cout << corpus.size() << " inputs, " << mutations << " mutations\n";
}
