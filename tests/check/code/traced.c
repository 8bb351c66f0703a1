/* Code with source lines. The compiler inserts a call of the profiler's hook into `traced`, but not into `untraced`. */
#define ENTRY_TEXT __attribute__((section(".entry.text")))

ENTRY_TEXT __attribute__((no_instrument_function)) int untraced(int number) { return number + 1; }
ENTRY_TEXT int traced(int number) { return number + 2; }
void mcount(void) {}
void __fentry__(void) {}
