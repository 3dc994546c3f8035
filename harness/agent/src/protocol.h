/* The frames between host, agent and workers. Described in ../frames.py, which this mirrors. */
#ifndef ONTARGET_PROTOCOL_H
#define ONTARGET_PROTOCOL_H

#include <stdint.h>

enum { PROTOCOL_VERSION = 3, MAX_PAYLOAD = (1 << 20) + (1 << 16), CHUNK = 1 << 18, ANSWER = 0x8000 };

struct header {
    uint32_t length;  /* of the payload that follows */
    uint32_t request; /* chosen by the host, repeated in the answer */
    uint16_t op;      /* enum op, with ANSWER in answers */
    uint16_t worker;  /* chosen by the host; 0 is the agent itself */
    uint32_t word;    /* deadline in ms (0: none) in requests, enum status in answers */
};

_Static_assert(sizeof(struct header) == 16, "the header has no padding");
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "frames are little-endian, and so must the machine be"
#endif

enum op {
    OP_HELLO = 1,
    OP_STAT,
    OP_STORE_BEGIN,
    OP_STORE_DATA,
    OP_STORE_END,
    OP_SWEEP,
    OP_READ_FILE,
    OP_BLOB_BEGIN,
    OP_BLOB_DATA,
    OP_BLOB_FREE,
    OP_SPAWN,
    OP_END,
    OP_RESUME,
    OP_DUET,
    OP_WATCH,
    OP_WATCHED,
    OP_LOAD = 32, /* from here on a worker answers */
    OP_OFFERS,
    OP_BUFFER,
    OP_RESET,
    OP_READ,
    OP_BIND,
    OP_RUN,
    OP_CALL,
    OP_TIME,
    OP_MEMORY,
    OP_DIGEST,
    OP_CHAIN,
    OP_INTACT,
    OP_COUNT,
    OP_LAST
};

enum status {
    STATUS_OK,
    STATUS_MORE,
    STATUS_PROTOCOL,
    STATUS_FENCED,
    STATUS_FAILED,
    STATUS_FULL,
    STATUS_MISMATCH,
    STATUS_ABSENT,
    STATUS_SKIPPED,
    STATUS_UNEXPECTED,
    STATUS_NO_SYMBOL,
    STATUS_NO_LIBRARY,
    STATUS_WRONG_ABI,
    STATUS_DIED,
    STATUS_TIMED_OUT,
    STATUS_BUSY
};

enum place { PLACE_GENERAL, PLACE_FLOAT, PLACE_STACK };
enum kind { KIND_IMMEDIATE, KIND_ADDRESS, KIND_LOAD };

/* Descriptors that a worker finds open. */
enum { WORKER_SOCKET = 3, WORKER_PAGE = 4, WORKER_LOCK = 5 };

#endif
