#include "reference.hpp"

extern "C" {

/// Models deferred work, which a kernel does with interrupts on before the interrupt returns. Other interrupts nest
/// here.
void interrupt_work(gatecrash::abi::Frame*) { asm volatile("sti; nop; cli" : : : "memory"); }
}
