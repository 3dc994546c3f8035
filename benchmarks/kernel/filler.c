/* Nothing but room in the text and in the data: it moves what is linked after it. */
int FILLER(int x);
char ROOM[DATA_BYTES] = {1};
__asm__(".text\n.skip " TEXT_BYTES "\n");
int FILLER(int x) { return x + ROOM[0]; }
