#include "minima.h"

#include <math.h>
#include <unistd.h>

#include "common.h"

#define EVERY 10 /* seconds between savings of the archive */

/* ---- beginning ---- */

/* Tolerances in the units of the softest of the elements. */
static void open_archive(minima *m, hop_structure *like) {
    hop_scales scales = {.size = sizeof scales};
    double length = HUGE_VAL, energy = HUGE_VAL;
    for (size_t i = 0; i < hop_structure_count(like); i++) {
        check(m->context, hop_potential_scales(
                              m->potential, hop_structure_numbers(like)[i], &scales));
        length = fmin(length, scales.length);
        energy = fmin(energy, scales.energy);
    }
    m->fmax = 1e-4 * energy / length;
    if (access(m->archive_path, F_OK) == 0)
        check(m->context,
              hop_archive_load(m->context, m->archive_path, like, &m->archive));
    else
        check(m->context, hop_archive_new(m->context, m->capacity, 1e-5 * energy,
                                          0.05 * length, &m->archive));
    m->saved = time(NULL);
}

static void open_trajectory(minima *m, const hop_structure *like) {
    const bool goes_on = m->resume && access(m->trajectory_path, F_OK) == 0;
    check(m->context,
          goes_on ? hop_trajectory_open(m->context, m->trajectory_path, &m->trajectory)
                  : hop_trajectory_create(m->context, m->trajectory_path, like,
                                          &m->trajectory));
}

/* A full disk does not end a search of days. */
static bool written(minima *m, int status) {
    if (status < 0 && !m->lost)
        warn("%s%s", hop_error_message(m->context),
             m->ending ? "" : "; the search goes on");
    m->lost |= status < 0;
    return status >= 0;
}

/* ---- one minimum ---- */

/* Quenches of a search end early; what goes into the archive is a minimum. */
static void archive_minimum(minima *m, const hop_structure *found,
                            int64_t evaluations) {
    hop_structure *s;
    hop_optimizer *o;
    check(m->context, hop_structure_copy(found, &s));
    check(m->context, hop_optimizer_new(m->context, "lbfgs", s, m->potential, &o));
    check(m->context, hop_optimizer_set(o, "fmax", m->fmax));
    check(m->context, hop_optimizer_set(o, "max_evaluations", 1000));
    check(m->context, hop_optimizer_set(o, "cell", m->cell));
    check(m->context, hop_optimizer_set(o, "pressure", m->pressure));
    int status = hop_optimizer_run(o, s, NULL, NULL);
    if (status == HOP_STOPPED) { /* the search is; what it has found is taken in */
        hop_cancel_clear(m->context);
        status = hop_optimizer_run(o, s, NULL, NULL);
        hop_cancel(m->context);
    }
    if (status == HOP_CONVERGED)
        check(m->context, hop_archive_add(m->archive, s, evaluations, m->seed, NULL));
    hop_optimizer_free(o);
    hop_structure_free(s);
}

static int take(void *user, const hop_structure *found, const hop_progress *p) {
    minima *m = user;
    const int64_t step = m->before + p->evaluations;
    if (m->trajectory && step > hop_trajectory_step(m->trajectory))
        m->frame_lost |=
            !written(m, hop_trajectory_append(m->trajectory, step, found)) &&
            hop_trajectory_step(m->trajectory) != step;
    if (m->archive)
        archive_minimum(m, found, p->evaluations);
    if (!m->by_hand && m->archive && time(NULL) - m->saved >= EVERY)
        save_minima(m);
    return 0;
}

void follow_minima(minima *m, hop_optimizer *o, hop_structure *start) {
    if (!m->archive_path && !m->trajectory_path)
        return;
    hop_optimizer_get(o, "cell", &m->cell); /* not every optimizer has it */
    hop_optimizer_get(o, "pressure", &m->pressure);
    if (m->archive_path && !m->archive)
        open_archive(m, start);
    if (m->trajectory_path && !m->trajectory)
        open_trajectory(m, start);
    check(m->context, hop_optimizer_set_minimum_function(o, take, m));
}

/* ---- ending ---- */

void save_minima(minima *m) {
    bool good = true;
    if (m->archive && hop_archive_count(m->archive) > 0)
        good &= written(m, hop_archive_save(m->archive, m->archive_path));
    if (m->trajectory && m->by_hand)
        good &= written(m, hop_trajectory_flush(m->trajectory));
    m->lost = !good;
    m->saved = time(NULL);
}

bool end_minima(minima *m) {
    m->lost = false; /* what is still so is told */
    m->ending = true;
    save_minima(m);
    if (m->trajectory)
        written(m, hop_trajectory_flush(m->trajectory));
    hop_archive_free(m->archive);
    hop_trajectory_free(m->trajectory);
    m->archive = NULL;
    m->trajectory = NULL;
    return !m->lost && !m->frame_lost;
}
