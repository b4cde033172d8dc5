/* HDF5 keeps process-wide state: one caller at a time, its messages off, and the host's
   settings back afterwards. */
#ifndef HOP_IO_HDF5_ENTRY_H
#define HOP_IO_HDF5_ENTRY_H

#include <hdf5.h>

#include "base/context.h"

/* What an entry saves of the host's HDF5 settings. */
typedef struct hop__hdf5_entry {
    H5E_auto2_t function;
    void *data;
} hop__hdf5_entry;

/* HOP_ERROR_VERSION when another HDF5 is running than was compiled with; then nothing is
   to be left. */
int hop__hdf5_enter(hop_context *context, hop__hdf5_entry *entry);

/* The same where an entry has succeeded before. */
void hop__hdf5_enter_again(hop__hdf5_entry *entry);

/* To be called between entering and leaving, when a file is damaged or cannot be written.  HDF5
   may have lost memory over it, and would say so on the terminal when the process ends
   ("infinite loop closing library"); its messages are switched off just before. */
void hop__hdf5_be_quiet(void);

void hop__hdf5_leave(const hop__hdf5_entry *entry);

#endif
