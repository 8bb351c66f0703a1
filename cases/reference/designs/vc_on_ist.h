/* Gives #VC an IST stack, which it leaves at once. An NMI that raises #VC has a part of that stack to itself. */
#define VC_ON_IST
