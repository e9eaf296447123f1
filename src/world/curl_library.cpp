// The functions of libcurl that are used, each handed on to the library. The rest of the program
// calls them as if it were linked with libcurl; but --status, a pass in its splay and one that
// finds the lock held do without it, and a steady pass loads it while the agents are asked for
// their status.
#include "world/curl_library.hpp"

#include <curl/curl.h>
#include <dlfcn.h>

#include <cstdarg>
#include <cstdint>
#include <string>

#include "rules/error.hpp"

namespace ops {
namespace {

[[noreturn]] void refuse(const char* why) {
    throw Error(std::string("libcurl cannot be used: ") + (why != nullptr ? why : "unknown"),
                ExitCode::config);
}

void* open_library() {
    // Never closed: libraries that it needs do not survive that.
    void* library = ::dlopen("libcurl.so.4", RTLD_LAZY | RTLD_LOCAL);
    if (library == nullptr) refuse(::dlerror());
    return library;
}

template <typename Function>
Function* find(void* library, const char* name) {
    void* found = ::dlsym(library, name);
    if (found == nullptr) refuse(::dlerror());
    return reinterpret_cast<Function*>(found);
}

struct Curl {
    void* library = open_library();
// A declaration cannot be put in parentheses.
// NOLINTBEGIN(bugprone-macro-parentheses)
#define OPS_CURL(name) \
    decltype(::curl_##name)* name = find<decltype(::curl_##name)>(library, "curl_" #name)
    OPS_CURL(easy_cleanup);
    OPS_CURL(easy_getinfo);
    OPS_CURL(easy_init);
    OPS_CURL(easy_reset);
    OPS_CURL(easy_setopt);
    OPS_CURL(easy_strerror);
    OPS_CURL(free);
    OPS_CURL(getdate);
    OPS_CURL(global_init);
    OPS_CURL(multi_add_handle);
    OPS_CURL(multi_cleanup);
    OPS_CURL(multi_info_read);
    OPS_CURL(multi_init);
    OPS_CURL(multi_perform);
    OPS_CURL(multi_poll);
    OPS_CURL(multi_remove_handle);
    OPS_CURL(slist_append);
    OPS_CURL(slist_free_all);
    OPS_CURL(url);
    OPS_CURL(url_cleanup);
    OPS_CURL(url_get);
    OPS_CURL(url_set);
#undef OPS_CURL
    // NOLINTEND(bugprone-macro-parentheses)

    Curl() {
        if (global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) refuse("it cannot be set up");
    }
};

const Curl& lib() {
    static const Curl curl;
    return curl;
}

}  // namespace

void load_curl() {
    static_cast<void>(lib());
}

}  // namespace ops

using ops::lib;

#ifdef __clang__
// The option must be of the type that libcurl's header declares, an enumeration.
#pragma clang diagnostic ignored "-Wvarargs"
#endif

/// Newer headers declare some of these with more const.
template <typename Result, typename First, typename... Others>
First first_argument(Result (*)(First, Others...));

void curl_easy_cleanup(CURL* curl) {
    lib().easy_cleanup(curl);
}
CURL* curl_easy_init() {
    return lib().easy_init();
}
void curl_easy_reset(CURL* curl) {
    lib().easy_reset(curl);
}
const char* curl_easy_strerror(CURLcode code) {
    return lib().easy_strerror(code);
}
void curl_free(void* p) {
    lib().free(p);
}
time_t curl_getdate(const char* p, const time_t* unused) {
    return lib().getdate(p, unused);
}
CURLMcode curl_multi_add_handle(CURLM* m, CURL* e) {
    return lib().multi_add_handle(m, e);
}
CURLMcode curl_multi_cleanup(CURLM* m) {
    return lib().multi_cleanup(m);
}
CURLMsg* curl_multi_info_read(CURLM* m, int* n) {
    return lib().multi_info_read(m, n);
}
CURLM* curl_multi_init() {
    return lib().multi_init();
}
CURLMcode curl_multi_perform(CURLM* m, int* n) {
    return lib().multi_perform(m, n);
}
CURLMcode curl_multi_poll(CURLM* m, curl_waitfd* f, unsigned n, int t, int* r) {
    return lib().multi_poll(m, f, n, t, r);
}
CURLMcode curl_multi_remove_handle(CURLM* m, CURL* e) {
    return lib().multi_remove_handle(m, e);
}
curl_slist* curl_slist_append(curl_slist* l, const char* s) {
    return lib().slist_append(l, s);
}
void curl_slist_free_all(curl_slist* l) {
    lib().slist_free_all(l);
}
CURLU* curl_url() {
    return lib().url();
}
void curl_url_cleanup(CURLU* u) {
    lib().url_cleanup(u);
}
CURLUcode curl_url_get(decltype(first_argument(&curl_url_get)) u, CURLUPart w, char** p,
                       unsigned f) {
    return lib().url_get(u, w, p, f);
}
CURLUcode curl_url_set(CURLU* u, CURLUPart w, const char* p, unsigned f) {
    return lib().url_set(u, w, p, f);
}

CURLcode curl_easy_setopt(CURL* curl, CURLoption option, ...) {
    va_list arguments;
    va_start(arguments, option);
    CURLcode code = CURLE_OK;
    // The branches differ in the type that is taken off the list.
    // NOLINTNEXTLINE(bugprone-branch-clone)
    if (option < CURLOPTTYPE_OBJECTPOINT) {
        code = lib().easy_setopt(curl, option, va_arg(arguments, long));
    } else if (option >= CURLOPTTYPE_OFF_T && option < CURLOPTTYPE_BLOB) {
        code = lib().easy_setopt(curl, option, va_arg(arguments, curl_off_t));
    } else {
        code = lib().easy_setopt(curl, option, va_arg(arguments, void*));
    }
    va_end(arguments);
    return code;
}

CURLcode curl_easy_getinfo(CURL* curl, CURLINFO info, ...) {
    va_list arguments;
    va_start(arguments, info);
    const CURLcode code = lib().easy_getinfo(curl, info, va_arg(arguments, void*));
    va_end(arguments);
    return code;
}
