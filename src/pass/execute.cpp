#include "pass/execute.hpp"

#include <algorithm>
#include <atomic>
#include <system_error>
#include <thread>

namespace ops {
namespace {

/// Mostly they wait for scripts. More would only cost memory on a host whose agents all start at
/// once.
constexpr std::size_t max_threads = 16;

/// Agents with nothing to do need no thread; of the others, those that need no download come first.
struct Order {
    std::vector<std::size_t> quiet;
    std::vector<std::size_t> busy;
};

Order order_of(const Plan& plan) {
    Order order;
    for (std::size_t i = 0; i < plan.agents.size(); ++i)
        (plan.agents[i].steps.empty() ? order.quiet : order.busy).push_back(i);
    std::stable_partition(order.busy.begin(), order.busy.end(),
                          [&](std::size_t i) { return !plan.agents[i].stages(); });
    return order;
}

}  // namespace

std::vector<AgentOutcome> execute(const Plan& plan,
                                  const std::map<std::string, AgentMemory>& stored,
                                  const Hands& hands) {
    static const AgentMemory no_memory;
    std::vector<AgentOutcome> outcomes(plan.agents.size());
    const auto handle_one = [&](std::size_t i) {
        const auto found = stored.find(plan.agents[i].name);
        outcomes[i] =
            handle(plan.agents[i], found == stored.end() ? no_memory : found->second, hands);
    };
    const Order order = order_of(plan);
    std::atomic<std::size_t> next{0};
    const auto work = [&] {
        for (std::size_t i = next++; i < order.busy.size(); i = next++)
            handle_one(order.busy[i]);
    };

    std::vector<std::jthread> threads;
    try {
        while (threads.size() + 1 < std::min(order.busy.size(), max_threads))
            threads.emplace_back(work);
    } catch (const std::system_error& error) {
        hands.log.warning("", "fewer threads than wanted: " + std::string(error.what()));
    }
    for (const std::size_t i : order.quiet)
        handle_one(i);
    work();
    threads.clear();  // joins
    return outcomes;
}

}  // namespace ops
