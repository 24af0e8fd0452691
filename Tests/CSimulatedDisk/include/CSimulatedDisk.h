// Disks in memory for SQLite, with the faults of real ones. https://www.sqlite.org/vfs.html
//
// A path /simulated-disk/NUMBER/NAME is a file of disk NUMBER, for every connection of this process; every other
// path goes to the machine's own file system. What is written stays pending until its file is synced; when the power
// goes, a seed decides of each pending write whether it is there, in part or not.
#ifndef SAMBAND_CSIMULATEDDISK_H
#define SAMBAND_CSIMULATEDDISK_H

#include <stdint.h>

typedef struct simulated_disk simulated_disk;
typedef struct simulated_image simulated_image;

/// Kinds of operation that may fail, for simulated_disk_fail.
enum { SIMULATED_READ = 1, SIMULATED_WRITE = 2, SIMULATED_SYNC = 4 };

/// What is left of pending writes when the power goes.
enum {
    SIMULATED_RANDOM_SURVIVAL = 0, // each by the seed: there, not there, cut, or its sectors damaged
    SIMULATED_NOTHING_SURVIVES = 1,
    SIMULATED_ALL_SURVIVES = 2
};

/// A new empty disk. `safe_overwrite` is what SQLite may assume of it: a write that is cut short harms no byte outside
/// its range. https://www.sqlite.org/psow.html
simulated_disk *simulated_disk_make(uint64_t seed, int safe_overwrite);
/// Gives the disk up; it goes when the last open file on it is closed.
void simulated_disk_release(simulated_disk *disk);
uint64_t simulated_disk_number(simulated_disk *disk);

/// Puts a file there, durable, in place of one of that name. The name has no slash.
void simulated_disk_put(simulated_disk *disk, const char *name, const void *bytes, int64_t count);
/// Reads a file as programs see it, or as it would surely be after a loss of power: copies up to `capacity` bytes.
/// Returns its size, -1 when there is none.
int64_t simulated_disk_get(simulated_disk *disk, const char *name, int durable, void *bytes, int64_t capacity);

/// The power goes while the n-th operation from now that changes a file is under way (1 is the next); 0: it does not.
/// Until the power is back every operation fails.
void simulated_disk_crash_after(simulated_disk *disk, int64_t operations);
/// How many operations from now until then, 0 when none is set.
int64_t simulated_disk_crash_distance(simulated_disk *disk);
/// The power goes now.
void simulated_disk_cut_power(simulated_disk *disk);
int simulated_disk_is_down(simulated_disk *disk);
/// The power comes back: what survived becomes the content of the disk. Files open until now stay dead.
void simulated_disk_restore_power(simulated_disk *disk, int survival);

/// After `spared` more operations of these kinds, `count` of them fail with an I/O error; a count of 0 ends that.
void simulated_disk_fail(simulated_disk *disk, int kinds, int64_t spared, int64_t count);
/// The space, in bytes over all files; -1: no limit.
void simulated_disk_limit(simulated_disk *disk, int64_t bytes);
int64_t simulated_disk_used(simulated_disk *disk);
/// As a file system that the kernel has made read-only after an error.
void simulated_disk_set_read_only(simulated_disk *disk, int read_only);
/// While a disk is calm none of its faults happens and none comes nearer; a power that is off stays off.
void simulated_disk_set_calm(simulated_disk *disk, int calm);
/// A disk that says a file is synced and does nothing.
void simulated_disk_set_lying(simulated_disk *disk, int lying);
/// A sync that failed has dropped what it should have written: no later sync brings it to the disk, though programs
/// go on reading it. https://wiki.postgresql.org/wiki/Fsync_Errors
void simulated_disk_set_forgetful(simulated_disk *disk, int forgetful);

/// Operations since the disk was made.
int64_t simulated_disk_changes(simulated_disk *disk);
int64_t simulated_disk_syncs(simulated_disk *disk);

/// All files as programs see them at this moment, as a snapshot of the volume has them.
simulated_image *simulated_disk_take_image(simulated_disk *disk);
/// Puts an image in place of all files, durable. Files open until now stay dead.
void simulated_disk_put_image(simulated_disk *disk, const simulated_image *image);
void simulated_image_release(simulated_image *image);

#endif
