/* Clears MCIP on the IST stack: the next #MC overwrites the frame there (I4). */
#define note_machine_check() clear_machine_check()
