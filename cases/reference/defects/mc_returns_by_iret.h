/* Makes #MC always return by IRET, which unmasks NMIs in an NMI that has not copied its frame yet. */
#define RETURN_FROM_MC iretq
#define RETURN_FROM_MC_MASKED
