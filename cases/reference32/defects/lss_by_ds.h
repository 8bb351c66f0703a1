/* Finds the espfix pointer by DS, which is the user's by then and may be null. */
#define LOAD_ESPFIX_POINTER lss espfix_pointer, %esp
