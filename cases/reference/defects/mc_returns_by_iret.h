/* Has #MC return by IRET wherever it came: that unmasks NMIs in an NMI whose frame is not copied yet. */
#define RETURN_FROM_MC iretq
#define RETURN_FROM_MC_MASKED
