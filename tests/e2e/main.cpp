#define DOCTEST_CONFIG_IMPLEMENT
#include "expect.hpp"

int main(int argc, char** argv) {
    e2e::Host::on_problem = [](const std::string& problem) { FAIL_CHECK(problem); };
    doctest::Context context(argc, argv);
    return context.run();
}
