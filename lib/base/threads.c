/* A pool of threads around one word of state: the number of the loop, whether it is
 * open, and how many threads are inside.  Threads enter an open loop by adding one to
 * the word, so the caller waits only for those that came: a thread that wakes up too
 * late finds the loop closed and costs nothing.  Waiting is spinning for a moment, then
 * sleep.
 *
 * A system that wakes a thread likes to put it where its caller runs, and where both never
 * run for long it may leave them there, one after the other on one processor: a thread that
 * finds itself on the processor of another steps aside. */
#include "base/threads.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"

#define OPEN (UINT64_C(1) << 16)
#define INSIDE (OPEN - 1)
#define LOOP (OPEN << 1) /* one more in the number of the loop */
#define STACK ((size_t)512 << 10)
#define SPIN 20e-6 /* seconds */
#define APART 1e-3 /* seconds between two attempts to step aside */

#define LINE 64 /* bytes that processors take from one another together */

/* Each worker has a share of the indices, which it goes through first; then it helps the
   others with theirs.  So the same data come to the same processor again. */
typedef struct share {
    _Alignas(LINE) atomic_size_t next;
    size_t end;
} share;

typedef struct member {
    share share;
    hop__pool *pool;
    size_t number; /* the caller is 0 */
    atomic_int processor;
    double stepped; /* aside, when last */
    pthread_t thread;
} member;

/* What one thread writes often is not on a line that others read often: to fetch it from
   another processor takes as long as hundreds of additions. */
struct hop__pool {
    pid_t process; /* a fork leaves the threads behind */
    size_t wanted, started;
    bool spins; /* a processor for each thread */
    bool busy;
    atomic_size_t sleepers;
    atomic_bool ending, caller_sleeps;
    pthread_mutex_t lock;
    pthread_cond_t work, done;
    _Alignas(LINE) _Atomic uint64_t state; /* and with it what the loop is */
    hop__task_function function;
    void *argument;
    size_t count, workers;
    atomic_int processor; /* the caller's, when the loop was opened */
    share share;          /* the caller's */
    member members[];
};

/* ---- waiting ---- */

static bool has_news(hop__pool *p, uint64_t seen) {
    return atomic_load(&p->state) / LOOP != seen || atomic_load(&p->ending);
}

static bool is_empty(hop__pool *p, uint64_t unused) {
    (void)unused;
    return (atomic_load(&p->state) & INSIDE) == 0;
}

static void pause_a_little(void) {
#if defined(__x86_64__)
    for (int k = 0; k < 8; k++)
        __builtin_ia32_pause();
#endif
}

static bool spin(hop__pool *p, bool (*ready)(hop__pool *, uint64_t), uint64_t seen) {
    if (!p->spins)
        return ready(p, seen);
    for (double end = hop__seconds() + SPIN; !ready(p, seen); pause_a_little())
        if (hop__seconds() > end)
            return false;
    return true;
}

static void sleep_until_news(hop__pool *p, uint64_t seen) {
    pthread_mutex_lock(&p->lock);
    atomic_fetch_add(&p->sleepers, 1);
    while (!has_news(p, seen))
        pthread_cond_wait(&p->work, &p->lock);
    atomic_fetch_sub(&p->sleepers, 1);
    pthread_mutex_unlock(&p->lock);
}

static void sleep_until_empty(hop__pool *p) {
    pthread_mutex_lock(&p->lock);
    atomic_store(&p->caller_sleeps, true);
    while (!is_empty(p, 0))
        pthread_cond_wait(&p->done, &p->lock);
    atomic_store(&p->caller_sleeps, false);
    pthread_mutex_unlock(&p->lock);
}

/* ---- a thread ---- */

static share *share_of(hop__pool *p, size_t worker) {
    return worker == 0 ? &p->share : &p->members[worker - 1].share;
}

static void take_part(hop__pool *p, size_t worker) {
    const hop__task_function function = p->function;
    void *const argument = p->argument;
    const size_t workers = p->workers;
    for (size_t k = 0; k < workers; k++) {
        share *s = share_of(p, (worker + k) % workers);
        const size_t end = s->end;
        size_t index;
        while (atomic_load_explicit(&s->next, memory_order_relaxed) < end &&
               (index = atomic_fetch_add_explicit(&s->next, 1, memory_order_relaxed)) <
                   end)
            function(argument, index, worker);
    }
}

/* The processors of the caller and of threads before this one. */
static void taken_by_others(hop__pool *p, size_t number, cpu_set_t *taken) {
    CPU_ZERO(taken);
    for (size_t k = 0; k < number; k++) {
        const atomic_int *at = k == 0 ? &p->processor : &p->members[k - 1].processor;
        const int processor = atomic_load_explicit(at, memory_order_relaxed);
        if (processor >= 0 && processor < CPU_SETSIZE)
            CPU_SET(processor, taken);
    }
}

/* Allowed for a moment on free processors only, the thread is moved to one of them. */
static void step_aside(const cpu_set_t *taken) {
    cpu_set_t allowed, rest;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        return;
    CPU_AND(&rest, &allowed, taken);
    CPU_XOR(&rest, &rest, &allowed);
    if (CPU_COUNT(&rest) > 0 && sched_setaffinity(0, sizeof rest, &rest) == 0)
        sched_setaffinity(0, sizeof allowed, &allowed);
}

static void keep_apart(hop__pool *p, member *m) {
    cpu_set_t taken;
    if (!p->spins)
        return;
    int processor = sched_getcpu();
    taken_by_others(p, m->number, &taken);
    if (processor >= 0 && processor < CPU_SETSIZE && CPU_ISSET(processor, &taken) &&
        hop__seconds() - m->stepped > APART) {
        step_aside(&taken);
        m->stepped = hop__seconds();
        processor = sched_getcpu();
    }
    atomic_store_explicit(&m->processor, processor, memory_order_relaxed);
}

/* Go into loop `seen` unless it is closed by now. */
static bool enter(hop__pool *p, uint64_t seen) {
    uint64_t state = atomic_load(&p->state);
    while (state / LOOP == seen && (state & OPEN))
        if (atomic_compare_exchange_weak(&p->state, &state, state + 1))
            return true;
    return false;
}

static void leave(hop__pool *p) {
    atomic_fetch_sub(&p->state, 1);
    if (!atomic_load(&p->caller_sleeps))
        return;
    pthread_mutex_lock(&p->lock);
    pthread_cond_signal(&p->done);
    pthread_mutex_unlock(&p->lock);
}

static void *serve(void *opaque) {
    member *m = opaque;
    hop__pool *p = m->pool;
    for (uint64_t seen = 0;;) {
        if (!spin(p, has_news, seen))
            sleep_until_news(p, seen);
        if (atomic_load(&p->ending))
            return NULL;
        seen = atomic_load(&p->state) / LOOP;
        if (!enter(p, seen))
            continue;
        if (m->number < p->workers) {
            keep_apart(p, m);
            take_part(p, m->number);
        }
        leave(p);
    }
}

/* ---- beginning and end ---- */

static size_t processors(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return (size_t)CPU_COUNT(&set);
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (size_t)online : 1;
}

/* With a small stack, or, where the host's thread-local data leave no room in it, with
   the usual one. */
static bool start_member(hop__pool *p, size_t number, const pthread_attr_t *small) {
    member *m = &p->members[number - 1];
    m->pool = p;
    m->number = number;
    atomic_store(&m->processor, -1);
    return (small && pthread_create(&m->thread, small, serve, m) == 0) ||
           pthread_create(&m->thread, NULL, serve, m) == 0;
}

/* The threads inherit a mask that leaves every signal to the host's own. */
static void start_members(hop__pool *p) {
    sigset_t all, old;
    pthread_attr_t small;
    bool has_small = pthread_attr_init(&small) == 0;
    bool is_small = has_small && pthread_attr_setstacksize(&small, STACK) == 0;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    while (p->started + 1 < p->wanted &&
           start_member(p, p->started + 1, is_small ? &small : NULL))
        p->started++;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (has_small)
        pthread_attr_destroy(&small);
}

/* A missing pool is no failure, so it leaves the last error's text alone. */
static hop__pool *allocate_pool(hop_context *context, size_t wanted) {
    char message[HOP__MESSAGE_SIZE];
    memcpy(message, context->message, sizeof message);
    hop__pool *p =
        hop__allocate(context, 1, sizeof *p + (wanted - 1) * sizeof *p->members);
    memcpy(context->message, message, sizeof message);
    return p;
}

static hop__pool *begin(hop_context *context) {
    size_t wanted = (size_t)context->threads;
    hop__pool *p = allocate_pool(context, wanted);
    if (!p)
        return NULL;
    p->process = getpid();
    p->wanted = wanted;
    p->spins = wanted <= processors();
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    pthread_cond_init(&p->done, NULL);
    start_members(p);
    return p;
}

static void join_members(hop__pool *p) {
    pthread_mutex_lock(&p->lock);
    atomic_store(&p->ending, true);
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    for (size_t k = 0; k < p->started; k++)
        pthread_join(p->members[k].thread, NULL);
    pthread_cond_destroy(&p->done);
    pthread_cond_destroy(&p->work);
    pthread_mutex_destroy(&p->lock);
}

/* In the child of a fork nothing is left to join, and the lock may be anybody's. */
void hop__threads_end(hop_context *context) {
    hop__pool *p = context->pool;
    if (p && p->process == getpid())
        join_members(p);
    hop__release(context, p);
    context->pool = NULL;
}

static hop__pool *pool_of(hop_context *context) {
    if (context->pool && context->pool->process != getpid())
        hop__threads_end(context);
    if (!context->pool)
        context->pool = begin(context);
    return context->pool;
}

/* ---- the loop ---- */

static void open_loop(hop__pool *p) {
    atomic_store_explicit(&p->processor, sched_getcpu(), memory_order_relaxed);
    for (size_t k = 0; k < p->workers; k++) {
        share *s = share_of(p, k);
        size_t part = p->count / p->workers, more = p->count % p->workers;
        atomic_store_explicit(&s->next, k * part + (k < more ? k : more),
                              memory_order_relaxed);
        s->end = (k + 1) * part + (k + 1 < more ? k + 1 : more);
    }
    atomic_store(&p->state, (atomic_load(&p->state) / LOOP + 1) * LOOP + OPEN);
    size_t sleepers = atomic_load(&p->sleepers), useful = p->count - 1;
    if (sleepers == 0)
        return;
    pthread_mutex_lock(&p->lock);
    if (useful < sleepers && p->workers == p->started + 1)
        for (size_t k = 0; k < useful; k++)
            pthread_cond_signal(&p->work);
    else
        pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
}

static void close_loop(hop__pool *p) {
    atomic_fetch_and(&p->state, ~OPEN);
    if (!spin(p, is_empty, 0))
        sleep_until_empty(p);
}

void hop__parallel(hop_context *context, size_t workers, size_t count,
                   hop__task_function function, void *argument) {
    hop__pool *p = NULL;
    if (context->threads > 1 && workers > 1 && count > 1)
        p = pool_of(context);
    if (!p || p->started == 0 || p->busy) {
        for (size_t index = 0; index < count; index++)
            function(argument, index, 0);
        return;
    }
    p->busy = true;
    p->function = function;
    p->argument = argument;
    p->count = count;
    p->workers = workers < p->started + 1 ? workers : p->started + 1;
    open_loop(p);
    take_part(p, 0);
    close_loop(p);
    p->busy = false;
}
