/* A command of a person's or a script's, run under the fence: whoever takes the device next ends it. */
#ifndef ONTARGET_COMMAND_H
#define ONTARGET_COMMAND_H

/* ROOT STORE TOKEN OWNER ROWS COLUMNS -- WORDS...; with ROWS 0 without a terminal. The exit status is the command's,
 * 128 + N for signal N; REFUSED where the fence does not let it in. */
enum { REFUSED = 255 };
int command_main(int argc, char **argv);

#endif
