#include "reference.hpp"

extern "C" {

/// What may wait is done with interrupts on, before the interrupt's return: others nest there.
void interrupt_work(gatecrash::abi::Frame*) { asm volatile("sti; nop; cli" : : : "memory"); }
}
