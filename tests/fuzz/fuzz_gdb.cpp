// Fuzzes the stub for gdb: whatever a connection sends, the stub answers, and gets the guest to stop.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "debug/fake_debuggee.hpp"
#include "debug/packet.hpp"
#include "debug/stub.hpp"

using namespace gatecrash::debug;

namespace {

void run_to_stop(Stub& stub) {
    constexpr int turns = 1'000;
    for (int turn = 0; stub.is_running(); ++turn) {
        if (turn == turns) std::abort();
        (void)stub.run();
    }
}

}  // namespace

/// Each line of the input is a packet. Then the whole input comes once more, as it is.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    FakeDebuggee debuggee(100, 20);
    Timeline timeline(debuggee);
    Stub stub(timeline);
    for (auto rest = text; !rest.empty();) {
        const auto sent = stub.receive(framed(take_until(rest, '\n')));
        if (sent.empty() && !stub.is_running() && !stub.has_ended()) std::abort();
        run_to_stop(stub);
    }
    (void)stub.receive(text);
    run_to_stop(stub);
    return 0;
}
