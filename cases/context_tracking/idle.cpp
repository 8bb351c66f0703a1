#include "reference.hpp"

extern "C" {

void syscall_work(gatecrash::abi::Frame*) {
    read_user(REFERENCE_TRACED);
    be_idle();
}
}
