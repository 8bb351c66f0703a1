/* Does not give CR2 back: a page fault that the NMI interrupted reads that of the NMI's own fault (I12). */
#define give_cr2_back(cr2)
