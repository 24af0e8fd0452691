// What disk.c and vfs.c share.
#ifndef SAMBAND_SIMULATED_DISK_H
#define SAMBAND_SIMULATED_DISK_H

#include "CSimulatedDisk.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#define SIMULATED_ROOT "/simulated-disk/"
#define SHM_LOCKS 8

typedef struct {
    uint8_t *bytes;
    int64_t size, capacity;
} content;

/// A write, or with `bytes` NULL a truncation to `offset`, that no sync has covered yet.
typedef struct pending {
    int64_t offset, count;
    uint8_t *bytes;
    struct pending *next;
} pending;

typedef struct inode {
    simulated_disk *disk;
    int references;            // open files, and names
    bool is_dead;              // of before a loss of power
    content live, durable;
    pending *first, *last;     // from durable to live, in order
    // Locks of the file and of its shared memory, by who holds them. https://www.sqlite.org/c3ref/io_methods.html
    int shared;
    const void *reserved, *waiting, *exclusive;
    void **regions;
    int region_count;
    int shm_shared[SHM_LOCKS];
    const void *shm_exclusive[SHM_LOCKS];
} inode;

/// A name: the file that programs see under it, and the one that is there after a loss of power for sure.
typedef struct entry {
    char *name;
    inode *live, *durable;
    struct entry *next;
} entry;

struct simulated_disk {
    pthread_mutex_t mutex;
    uint64_t number, random;
    int references;            // the owner, and inodes
    bool safe_overwrite, is_down, is_read_only, is_lying, is_forgetful, is_calm;
    entry *entries;
    int64_t crash_after;
    int failing_kinds;
    int64_t failing_spared, failing_count;
    int64_t limit;             // -1: none
    int64_t changes, syncs;
    simulated_disk *next;
};

/// Registers the file system with SQLite, once.
void simulated_vfs_register(void);

/// The disk of a path, locked, and the name on it; NULL for another path or disk.
simulated_disk *disk_of_path(const char *path, const char **name);
void disk_unlock(simulated_disk *disk);

entry *disk_entry(simulated_disk *disk, const char *name, bool make);
inode *inode_make(simulated_disk *disk);
void inode_keep(inode *file);
void inode_drop(inode *file);
void inode_write(inode *file, int64_t offset, const void *bytes, int64_t count);
void inode_truncate(inode *file, int64_t size);
void inode_sync(inode *file);
/// What was written since the last sync will never come to the disk.
void inode_forget(inode *file);
int64_t disk_used(simulated_disk *disk);

/// Counts an operation that changes something. False: the power went while it was under way; it is pending all the
/// same.
bool disk_changes(simulated_disk *disk);
bool disk_is_read_only(const simulated_disk *disk);
/// How many bytes fit in yet, less than none when it was overfull before.
int64_t disk_room(simulated_disk *disk);
/// True when this operation is to fail.
bool disk_fails(simulated_disk *disk, int kind);

#endif
