/* Watching a quench: how likely is it that its minimum will be accepted?
 *
 * One LSTM for the whole structure reads a few numbers at each step of a quench, all
 * dimensionless and unchanged when the structure turns, and gives the logit of the
 * probability that the minimum will lie below the accepted one or close to it, and an
 * estimate of how far the energy still falls. */
#ifndef HOP_LEARNING_WATCH_H
#define HOP_LEARNING_WATCH_H

#include "base/record.h"
#include "learning/lstm.h"

#define HOP__WATCH_INPUTS 16
#define HOP__WATCH_HIDDEN 16
#define HOP__WATCH_OUTPUTS 2
#define HOP__WATCH_CLOSE 0.006 /* binding energies above the accepted minimum */

extern const hop__lstm_shape hop__watch_shape;

/* One step of a quench.  Energies in binding energies, forces in stiffness * length,
   displacements in lengths. */
typedef struct hop__watch_input {
    double above;     /* energy over the accepted minimum */
    double fall;      /* energy of the step before, minus this; 0 at first */
    double rms, most; /* of the forces on the atoms */
    double moved;     /* root mean square displacement of the last step; 0 at first */
    double cosine;    /* of the forces with it */
    double step;      /* steps made */
    int kind;         /* of the move: shake, relocate, swap */
    double since;     /* hops since the chain's energy last fell */
    double atoms;
    bool alloy;
} hop__watch_input;

typedef struct hop__watch {
    hop_context *context;
    const double *weights; /* NULL: not trained, watches nothing */
    double *x, *h, *c, *y; /* one row in a stride of hop__lstm_stride(1) */
    double *network;       /* record of the last step */
    int64_t looks;         /* steps so far */
    double *block;
} hop__watch;

int hop__watch_new(hop_context *context, hop__watch **out);
void hop__watch_free(hop__watch *watch);

/* What it remembers, as bytes. */
void hop__watch_record(hop__watch *watch, hop__record *record);

/* A quench begins. */
void hop__watch_start(hop__watch *watch);

/* One step: the probability that the minimum will be accepted. */
double hop__watch_step(hop__watch *watch, const hop__watch_input *in);

/* Loss of one step's outputs y, given whether the minimum was close or below, and the
   energy that the step was above it (binding energies); its slopes are written into
   `bar`. Cross-entropy, and the squared error of the estimate with a weight of 0.3. */
double hop__watch_loss(const double *y, bool close, double still, double *bar);

#endif
