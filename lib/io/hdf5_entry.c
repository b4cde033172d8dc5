#include "io/hdf5_entry.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool quiet; /* at the end of the process; guarded by the lock */

static void mute(hop__hdf5_entry *entry) {
    H5Eget_auto2(H5E_DEFAULT, &entry->function, &entry->data);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

/* Constants such as H5F_ACC_RDONLY call H5check(), which ends the process when library
   and headers differ: up to 1.12 in the release too. */
int hop__hdf5_enter(hop_context *context, hop__hdf5_entry *entry) {
    unsigned major, minor, release;
    *entry = (hop__hdf5_entry){NULL, NULL};
    pthread_mutex_lock(&lock);
    H5get_libversion(&major, &minor, &release);
    if (major != H5_VERS_MAJOR || minor != H5_VERS_MINOR ||
        (minor < 14 && release != H5_VERS_RELEASE)) {
        pthread_mutex_unlock(&lock);
        return hop__fail(context, HOP_ERROR_VERSION,
                         "HDF5: built with %d.%d.%d, running with %u.%u.%u",
                         H5_VERS_MAJOR, H5_VERS_MINOR, H5_VERS_RELEASE, major, minor,
                         release);
    }
    mute(entry);
    return HOP_OK;
}

void hop__hdf5_enter_again(hop__hdf5_entry *entry) {
    pthread_mutex_lock(&lock);
    mute(entry);
}

static void silence(void) { H5Eset_auto2(H5E_DEFAULT, NULL, NULL); }

/* HDF5 registered its own end when it was first called, so ours comes before it. */
void hop__hdf5_be_quiet(void) {
    if (!quiet)
        quiet = atexit(silence) == 0;
}

void hop__hdf5_leave(const hop__hdf5_entry *entry) {
    H5Eset_auto2(H5E_DEFAULT, entry->function, entry->data);
    pthread_mutex_unlock(&lock);
}
