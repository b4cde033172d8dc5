#include "base/context.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/threads.h"

static void *default_allocate(void *user, size_t bytes) {
    (void)user;
    return malloc(bytes);
}

static void default_release(void *user, void *pointer) {
    (void)user;
    free(pointer);
}

static const hop_allocator default_allocator = {sizeof(hop_allocator), default_allocate,
                                                default_release, NULL};

static enum hop__isa best_isa(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("fma"))
        return HOP__ISA_BASE;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma"))
        return HOP__ISA_AVX512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return HOP__ISA_AVX2;
#endif
    return HOP__ISA_BASE;
}

int hop_context_new(const hop_allocator *allocator, hop_context **out) {
    if (!out)
        return HOP_ERROR_ARGUMENT;
    *out = NULL;
    if (!allocator)
        allocator = &default_allocator;
    if (allocator->size < sizeof *allocator || !allocator->allocate ||
        !allocator->release)
        return HOP_ERROR_ARGUMENT;
    hop_context *context = allocator->allocate(allocator->user, sizeof *context);
    if (!context)
        return HOP_ERROR_MEMORY;
    memset(context, 0, sizeof *context);
    context->allocator = *allocator;
    context->threads = 1;
    context->isa = best_isa();
    context->files = &hop__system_file_calls;
    context->cancelled = &context->cancelled_own;
    atomic_init(&context->cancelled_own, 0);
    atomic_init(&context->references, 1);
    *out = context;
    return HOP_OK;
}

void hop_context_free(hop_context *context) { hop__context_release(context); }

hop_context *hop__context_retain(hop_context *context) {
    atomic_fetch_add(&context->references, 1);
    return context;
}

void hop__context_release(hop_context *context) {
    while (context && atomic_fetch_sub(&context->references, 1) == 1) {
        hop_context *parent = context->parent;
        hop__threads_end(context);
        hop_allocator allocator = context->allocator;
        allocator.release(allocator.user, context);
        context = parent;
    }
}

int hop__context_child(hop_context *parent, hop_context **out) {
    int status = hop_context_new(&parent->allocator, out);
    if (status != HOP_OK)
        return hop__fail(parent, status, "out of memory for a worker's context");
    hop_context *child = *out;
    child->log = parent->log;
    child->log_user = parent->log_user;
    child->isa = parent->isa;
    child->files = parent->files;
    child->cancelled = parent->cancelled;
    child->parent = hop__context_retain(parent);
    return HOP_OK;
}

const char *hop_error_message(const hop_context *context) {
    return context ? context->message : "";
}

void hop_context_set_log(hop_context *context, hop_log_function function, void *user) {
    if (!context)
        return;
    context->log = function;
    context->log_user = user;
}

int hop_context_set_threads(hop_context *context, int32_t threads) {
    if (!context)
        return HOP_ERROR_ARGUMENT;
    if (threads < 1 || threads > 1024)
        return hop__fail(context, HOP_ERROR_ARGUMENT,
                         "threads: expected 1 to 1024, got %ld", (long)threads);
    if (threads != context->threads)
        hop__threads_end(context);
    context->threads = threads;
    return HOP_OK;
}

void hop_cancel(hop_context *context) {
    if (context)
        atomic_store(context->cancelled, 1);
}

void hop_cancel_clear(hop_context *context) {
    if (context)
        atomic_store(context->cancelled, 0);
}

bool hop__cancelled(const hop_context *context) {
    return atomic_load(context->cancelled) != 0;
}

int hop__fail(hop_context *context, int status, const char *format, ...) {
    /* an argument may be the old message itself */
    char message[HOP__MESSAGE_SIZE] = "";
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    memcpy(context->message, message, sizeof message);
    return status;
}

int hop__missing_in(hop_context *context, const char *function, const char *what) {
    return context ? hop__fail(context, HOP_ERROR_ARGUMENT, "%s: %s is NULL", function,
                               what)
                   : HOP_ERROR_ARGUMENT;
}

int hop__fail_as(hop_context *context, int status, const hop_context *source) {
    if (context != source)
        memcpy(context->message, source->message, sizeof context->message);
    return status;
}

void hop__log(hop_context *context, const char *format, ...) {
    if (!context->log)
        return;
    char line[HOP__MESSAGE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    context->log(context->log_user, line);
}

double hop__seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}
