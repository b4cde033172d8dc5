/* The context: allocator, log, threads, cancel flag, last error, file calls. */
#ifndef HOP_BASE_CONTEXT_H
#define HOP_BASE_CONTEXT_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/file.h"
#include "hop.h"

#define HOP__MESSAGE_SIZE 1024

enum hop__isa { HOP__ISA_BASE, HOP__ISA_AVX2, HOP__ISA_AVX512 };

typedef struct hop__pool hop__pool;

struct hop_context {
    hop_allocator allocator;
    hop_log_function log;
    void *log_user;
    int32_t threads;
    hop__pool *pool;              /* threads.c; NULL before its first use */
    enum hop__isa isa;            /* which compiled variant of the kernels runs */
    const hop__file_calls *files; /* tests replace it to make calls fail */
    atomic_int *cancelled;        /* shared with child contexts */
    atomic_int cancelled_own;
    hop_context *parent; /* child contexts serve one worker thread each */
    atomic_size_t references;
    char message[HOP__MESSAGE_SIZE];
};

hop_context *hop__context_retain(hop_context *context);
void hop__context_release(hop_context *context);

/* A context for one worker thread: same allocator, log, cancel flag and file calls, an
   error text of its own. */
int hop__context_child(hop_context *parent, hop_context **out);

bool hop__cancelled(const hop_context *context);

/* Record the message and return `status`.  Never allocates. */
int hop__fail(hop_context *context, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A NULL argument of a public function: "hop_model_save: path is NULL".  `context` is NULL
   too when the handle it would come from is missing. */
int hop__missing_in(hop_context *context, const char *function, const char *what);
#define hop__missing(context, what) hop__missing_in(context, __func__, what)

/* Copy the message of one context to another (worker to main) and return `status`. */
int hop__fail_as(hop_context *context, int status, const hop_context *source);

void hop__log(hop_context *context, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Monotonic seconds. */
double hop__seconds(void);

#endif
