/* Does not restore CR2: a page fault that the NMI interrupted reads the address of the NMI's own fault (I12). */
#define give_cr2_back(cr2)
