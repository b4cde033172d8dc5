/* Memory and files that fail on demand. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support.h"

/* ---- memory ---- */

#define GUARD 32
#define LIVE 0x6c697665626c6f63u
#define DEAD 0x64656164626c6f63u

typedef struct block {
    uint64_t mark;
    size_t bytes;
    unsigned char before[GUARD];
    unsigned char data[];
} block;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static bool intact(const unsigned char *guard) {
    for (int k = 0; k < GUARD; k++)
        if (guard[k] != 0xC3)
            return false;
    return true;
}

static bool should_fail(support_allocator *state) {
    state->calls++;
    if (state->fail_at == 0 || state->calls < state->fail_at)
        return false;
    if (state->calls > state->fail_at && !state->fail_forever)
        return false;
    state->injected++;
    return true;
}

static void *guarded_allocate(void *user, size_t bytes) {
    support_allocator *state = user;
    pthread_mutex_lock(&lock);
    block *made = should_fail(state) ? NULL : malloc(sizeof(block) + bytes + GUARD);
    if (made) {
        state->live++;
        state->live_bytes += bytes;
    }
    pthread_mutex_unlock(&lock);
    if (!made)
        return NULL;
    made->mark = LIVE;
    made->bytes = bytes;
    memset(made->before, 0xC3, GUARD);
    memset(made->data, 0xA5, bytes); /* nobody may count on zeros */
    memset(made->data + bytes, 0xC3, GUARD);
    return made->data;
}

static void guarded_release(void *user, void *pointer) {
    support_allocator *state = user;
    block *old = (block *)((char *)pointer - offsetof(block, data));
    pthread_mutex_lock(&lock);
    bool known = pointer && old->mark == LIVE;
    if (!known || !intact(old->before) || !intact(old->data + old->bytes))
        state->damaged++;
    if (known) {
        state->live--;
        state->live_bytes -= old->bytes;
        old->mark = DEAD;
        memset(old->data, 0x5A, old->bytes);
        free(old);
    }
    pthread_mutex_unlock(&lock);
}

hop_allocator support_allocator_for(support_allocator *state) {
    return (hop_allocator){sizeof(hop_allocator), guarded_allocate, guarded_release,
                           state};
}

/* One run in a context of its own; returns whether a failure was injected. */
static bool torture_once(support_scenario scenario, void *data, size_t fail_at,
                         bool forever) {
    support_allocator state = {0};
    hop_allocator allocator = support_allocator_for(&state);
    hop_context *context;
    ck_assert_int_eq(hop_context_new(&allocator, &context), HOP_OK);
    state.calls = 0;
    state.fail_at = fail_at;
    state.fail_forever = forever;
    int status = scenario(context, data);
    if (status < 0)
        ck_assert_msg(hop_error_message(context)[0] != '\0',
                      "allocation %zu fails: no message", fail_at);
    ck_assert_msg(status >= 0 || (state.injected > 0 && status == HOP_ERROR_MEMORY),
                  "allocation %zu fails: expected HOP_ERROR_MEMORY, got %s: %s",
                  fail_at, hop_status_name(status), hop_error_message(context));
    hop_context_free(context);
    ck_assert_msg(state.live == 0, "allocation %zu fails: %zu blocks leaked", fail_at,
                  state.live);
    ck_assert_msg(state.damaged == 0, "allocation %zu fails: %zu blocks damaged",
                  fail_at, state.damaged);
    return state.injected > 0;
}

size_t support_torture(support_scenario scenario, void *data) {
    size_t points = 0;
    while (torture_once(scenario, data, points + 1, false)) {
        points++;
        torture_once(scenario, data, points, true);
    }
    return points;
}

/* ---- files ---- */

static struct {
    enum support_call call;
    size_t nth, counts[SUPPORT_CALLS];
    int error;
    bool injected;
} plan;

/* True when this call is the one; errno is set unless it is to come back short. */
static bool fails(enum support_call call) {
    bool hit = ++plan.counts[call] == plan.nth && call == plan.call;
    plan.injected |= hit;
    if (hit && plan.error != SUPPORT_SHORT)
        errno = plan.error;
    return hit;
}

static int failing_open(const char *path, int flags, mode_t mode) {
    return fails(SUPPORT_OPEN) ? -1 : open(path, flags, mode);
}

static ssize_t failing_read(int fd, void *buffer, size_t size) {
    if (!fails(SUPPORT_READ))
        return read(fd, buffer, size);
    return plan.error == SUPPORT_SHORT ? read(fd, buffer, (size + 1) / 2) : -1;
}

static ssize_t failing_write(int fd, const void *buffer, size_t size) {
    if (!fails(SUPPORT_WRITE))
        return write(fd, buffer, size);
    return plan.error == SUPPORT_SHORT ? write(fd, buffer, (size + 1) / 2) : -1;
}

static int failing_fsync(int fd) { return fails(SUPPORT_FSYNC) ? -1 : fsync(fd); }

/* The descriptor is gone even when close() reports an error. */
static int failing_close(int fd) {
    int result = close(fd);
    return fails(SUPPORT_CLOSE) ? -1 : result;
}

static int failing_rename(const char *from, const char *to) {
    return fails(SUPPORT_RENAME) ? -1 : rename(from, to);
}

static int failing_unlink(const char *path) {
    return fails(SUPPORT_UNLINK) ? -1 : unlink(path);
}

const hop__file_calls *support_failing_files(enum support_call call, size_t nth,
                                             int error) {
    static const hop__file_calls calls = {
        failing_open,  failing_read,   failing_write,  failing_fsync,
        failing_close, failing_rename, failing_unlink,
    };
    memset(&plan, 0, sizeof plan);
    plan.call = call;
    plan.nth = nth;
    plan.error = error;
    return &calls;
}

bool support_files_injected(void) { return plan.injected; }

size_t support_files_count(enum support_call call) { return plan.counts[call]; }

static size_t open_descriptors(void) {
    size_t count = 0;
    DIR *list = opendir("/proc/self/fd");
    while (list && readdir(list))
        count++;
    if (list)
        closedir(list);
    return count;
}

static bool torture_files_once(support_scenario scenario, void *data,
                               enum support_call call, size_t nth, int error) {
    support_allocator state = {0};
    hop_allocator allocator = support_allocator_for(&state);
    hop_context *context;
    ck_assert_int_eq(hop_context_new(&allocator, &context), HOP_OK);
    context->files = support_failing_files(call, nth, error);
    size_t descriptors = open_descriptors();
    int status = scenario(context, data);
    bool injected = support_files_injected();
    if (status < 0) {
        ck_assert_msg(injected, "fails without cause: %s", hop_error_message(context));
        ck_assert_msg(status == HOP_ERROR_IO, "call %d number %zu, errno %d: %s",
                      (int)call, nth, error, hop_status_name(status));
        ck_assert_msg(hop_error_message(context)[0] != '\0', "no message");
        ck_assert_msg(error != SUPPORT_SHORT, "call %d number %zu short: %s", (int)call,
                      nth, hop_error_message(context));
    }
    hop_context_free(context);
    ck_assert_uint_eq(open_descriptors(), descriptors);
    ck_assert_uint_eq(state.live, 0);
    ck_assert_uint_eq(state.damaged, 0);
    return injected;
}

size_t support_torture_files(support_scenario scenario, void *data) {
    static const int errors[] = {EIO, ENOSPC, EINTR, SUPPORT_SHORT};
    size_t points = 0;
    for (int call = 0; call < SUPPORT_CALLS; call++)
        for (size_t e = 0; e < sizeof errors / sizeof *errors; e++) {
            if (errors[e] == SUPPORT_SHORT && call != SUPPORT_READ &&
                call != SUPPORT_WRITE)
                continue;
            size_t nth = 1;
            while (torture_files_once(scenario, data, (enum support_call)call, nth,
                                      errors[e]))
                nth++;
            points += nth - 1;
        }
    return points;
}
