#ifndef ONTARGET_SERVE_H
#define ONTARGET_SERVE_H

/* Serve the host until its input ends. `self`: the words that start this program again. Returns the exit status:
 * 0 the input ended, 2 the input made no sense, 3 the device is not ours. */
int serve(const char *root, char *const *self);

#endif
