#include "scene.hpp"

#include <stdexcept>

namespace e2e {

Json named(const Json& list, const std::string& name) {
    for (const auto& item : list)
        if (item.value("name", "") == name) return item;
    return nullptr;
}

Scene::Scene(User user) : host(user) {
    host.server = meta.address();
    answer();
}

void Scene::publish(const Release& release) {
    meta.put(release.path(), release.tarball());
    meta.put(release.md5_path(), release.md5() + "  " + release.tarball_name() + "\n");
    meta.put(release.sha256_path(), release.sha256() + "  " + release.tarball_name() + "\n");
}

Json Scene::entry(const Release& release, const std::string& cmd) const {
    return {{"name", release.name()},
            {"version", release.version()},
            {"tarball", meta.url() + "/files"},
            {"md5", ""},
            {"cmd", cmd}};
}

void Scene::want(const Release& release, const std::string& cmd, const Json& extra) {
    publish(release);
    Json wanted = entry(release, cmd);
    wanted.update(extra);
    for (auto& present : desired_) {
        if (present.value("name", "") != release.name()) continue;
        present = wanted;
        answer();
        return;
    }
    want_entry(wanted);
}

void Scene::want_entry(const Json& entry) {
    desired_.push_back(entry);
    answer();
}

void Scene::want_nothing() {
    desired_ = Json::array();
    answer();
}

void Scene::answer_as_list(bool list) {
    as_list_ = list;
    answer();
}

void Scene::answer() {
    const auto dump = [](const Json& json) {
        return json.dump(-1, ' ', false, Json::error_handler_t::ignore);
    };
    meta.answer(as_list_ ? dump(desired_)
                         : dump({{"errorMessage", ""}, {"desiredAgents", desired_}}));
}

RunOptions Scene::options(const std::vector<std::string>& args) {
    RunOptions options;
    options.args = args;
    return options;
}

Result Scene::pass(const std::vector<std::string>& args) {
    return host.run(options(args));
}

Process Scene::start_pass(const std::vector<std::string>& args) {
    return host.start(options(args));
}

Json Scene::last_report() const {
    return Json::parse(meta.last_report());
}

Json Scene::reported(const std::string& agent) const {
    const Json report = last_report();
    return named(report.is_array() ? report : report.at("realAgents"), agent);
}

Json Scene::plan(const std::vector<std::string>& args) {
    auto all = args;
    all.insert(all.begin(), {"--dry-run", "--format=json"});
    const Result result = pass(all);
    try {
        return Json::parse(result.out);
    } catch (const Json::exception& error) {
        throw std::runtime_error(std::string("no plan: ") + error.what() + "\n" + result.story());
    }
}

Json Scene::plan_of(const std::string& agent, const std::vector<std::string>& args) {
    return named(plan(args).at("agents"), agent);
}

Json Scene::status_of(const std::string& agent) {
    const Result result = pass({"--status", "--format=json"});
    try {
        return named(Json::parse(result.out).at("agents"), agent);
    } catch (const Json::exception& error) {
        throw std::runtime_error(std::string("no status: ") + error.what() + "\n" + result.story());
    }
}

}  // namespace e2e
