/* Has #VC on an IST stack, which it leaves at once. NMIs that raise it have a part of that stack to themselves. */
#define VC_ON_IST
