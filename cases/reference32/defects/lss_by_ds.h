/* Reads the espfix pointer through DS, which is already the user's and may be null. */
#define LOAD_ESPFIX_POINTER lss espfix_pointer, %esp
