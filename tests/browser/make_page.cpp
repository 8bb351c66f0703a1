// Makes the page of a JSON document, for tests in a browser: make-page DOCUMENT.
#include <fmt/format.h>

#include <exception>

#include "posix/file.hpp"
#include "report/html_report.hpp"

int main(int argc, char** argv) {
    try {
        if (argc != 2) return 2;
        fmt::print("{}", gatecrash::report::html_report(gatecrash::posix::read_file(argv[1])));
        return 0;
    } catch (const std::exception& error) {
        fmt::print(stderr, "make-page: {}\n", error.what());
        return 1;
    }
}
