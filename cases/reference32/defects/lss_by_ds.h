/* Finds the espfix pointer by DS, which is the user's by then. */
#define LOAD_ESPFIX_POINTER lss espfix_pointer, %esp
