#ifndef ONTARGET_WORKER_H
#define ONTARGET_WORKER_H

int worker_main(void);

#endif
