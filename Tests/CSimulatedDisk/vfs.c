// SQLite's view of the disks. https://www.sqlite.org/c3ref/vfs.html, https://www.sqlite.org/c3ref/io_methods.html
#include "disk.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#define REGION_LOCKS(offset, n) (((1u << ((offset) + (n))) - (1u << (offset))))

/// An open file. Its address says who holds a lock.
typedef struct {
    sqlite3_file base;
    inode *file;
    int level;                 // SQLITE_LOCK_…
    bool is_read_only, deletes_on_close;
    unsigned shm_shared, shm_exclusive; // masks
} handle;

static sqlite3_vfs *machine;   // what was there before
static __thread bool was_busy; // the last lock that this thread did not get was one of ours

// MARK: one file

static simulated_disk *enter(sqlite3_file *base, inode **file) {
    *file = ((handle *)base)->file;
    pthread_mutex_lock(&(*file)->disk->mutex);
    return (*file)->disk;
}

static bool is_gone(const inode *file) { return file->is_dead || file->disk->is_down; }

static int sim_read(sqlite3_file *base, void *into, int count, sqlite3_int64 offset) {
    inode *file;
    simulated_disk *disk = enter(base, &file);
    int rc = SQLITE_OK;
    if (is_gone(file) || disk_fails(disk, SIMULATED_READ)) {
        rc = SQLITE_IOERR_READ;
    } else {
        int64_t there = file->live.size - offset;
        if (there < 0) there = 0;
        if (there > count) there = count;
        if (there > 0) memcpy(into, file->live.bytes + offset, (size_t)there);
        if (there < count) {
            memset((char *)into + there, 0, (size_t)(count - there));
            rc = SQLITE_IOERR_SHORT_READ;
        }
    }
    disk_unlock(disk);
    return rc;
}

static int sim_write(sqlite3_file *base, const void *from, int count, sqlite3_int64 offset) {
    inode *file;
    simulated_disk *disk = enter(base, &file);
    int rc = SQLITE_OK;
    int64_t grows = offset + count - file->live.size;
    int64_t room = disk_room(disk);
    if (is_gone(file) || disk_is_read_only(disk) || disk_fails(disk, SIMULATED_WRITE)) {
        rc = SQLITE_IOERR_WRITE;
    } else if (grows > 0 && grows > room) {
        // What has room is written, as write(2) does it.
        int64_t fits = count - grows + (room > 0 ? room : 0);
        if (fits > 0) inode_write(file, offset, from, fits);
        rc = SQLITE_FULL;
    } else {
        inode_write(file, offset, from, count);
        if (!disk_changes(disk)) rc = SQLITE_IOERR_WRITE;
    }
    disk_unlock(disk);
    return rc;
}

static int sim_truncate(sqlite3_file *base, sqlite3_int64 size) {
    inode *file;
    simulated_disk *disk = enter(base, &file);
    int rc = SQLITE_OK;
    if (is_gone(file) || disk_is_read_only(disk) || disk_fails(disk, SIMULATED_WRITE)) {
        rc = SQLITE_IOERR_TRUNCATE;
    } else {
        inode_truncate(file, size);
        if (!disk_changes(disk)) rc = SQLITE_IOERR_TRUNCATE;
    }
    disk_unlock(disk);
    return rc;
}

static int sim_sync(sqlite3_file *base, int flags) {
    (void)flags;
    inode *file;
    simulated_disk *disk = enter(base, &file);
    int rc = SQLITE_OK;
    disk->syncs++;
    bool fails = disk_fails(disk, SIMULATED_SYNC) || (disk_is_read_only(disk) && file->first);
    if (is_gone(file) || !disk_changes(disk)) {
        rc = SQLITE_IOERR_FSYNC;
    } else if (fails) {
        if (disk->is_forgetful) inode_forget(file);
        rc = SQLITE_IOERR_FSYNC;
    } else if (!disk->is_lying) {
        inode_sync(file);
    }
    disk_unlock(disk);
    return rc;
}

static int sim_size(sqlite3_file *base, sqlite3_int64 *size) {
    inode *file;
    simulated_disk *disk = enter(base, &file);
    int rc = is_gone(file) ? SQLITE_IOERR_FSTAT : SQLITE_OK;
    *size = file->live.size;
    disk_unlock(disk);
    return rc;
}

// MARK: locks

static int busy(void) {
    was_busy = true;
    return SQLITE_BUSY;
}

static bool other(const void *holder, const handle *self) { return holder && holder != self; }

static int sim_lock(sqlite3_file *base, int level) {
    handle *self = (handle *)base;
    inode *file;
    simulated_disk *disk = enter(base, &file);
    int rc = SQLITE_OK;
    if (self->level >= level) {
        // It has that already.
    } else if (is_gone(file)) {
        rc = SQLITE_IOERR_LOCK;
    } else if (other(file->exclusive, self) || other(file->waiting, self)) {
        rc = busy();
    } else if (level == SQLITE_LOCK_SHARED) {
        file->shared++;
        self->level = level;
    } else if (other(file->reserved, self)) {
        rc = busy();
    } else if (level == SQLITE_LOCK_RESERVED) {
        file->reserved = self;
        self->level = level;
    } else {
        // Waiting for the readers to leave keeps new ones out.
        file->waiting = self;
        self->level = SQLITE_LOCK_PENDING;
        if (file->shared > 1) {
            rc = busy();
        } else {
            file->exclusive = self;
            self->level = SQLITE_LOCK_EXCLUSIVE;
        }
    }
    disk_unlock(disk);
    return rc;
}

static void unlock(handle *self, int level) {
    inode *file = self->file;
    if (self->level <= level) return;
    if (file->exclusive == self) file->exclusive = NULL;
    if (file->waiting == self) file->waiting = NULL;
    if (file->reserved == self) file->reserved = NULL;
    if (level == SQLITE_LOCK_NONE) file->shared--;
    self->level = level;
}

static int sim_unlock(sqlite3_file *base, int level) {
    inode *file;
    simulated_disk *disk = enter(base, &file);
    unlock((handle *)base, level);
    disk_unlock(disk);
    return SQLITE_OK;
}

static int sim_check_reserved(sqlite3_file *base, int *is_held) {
    inode *file;
    simulated_disk *disk = enter(base, &file);
    *is_held = file->reserved || file->waiting || file->exclusive;
    disk_unlock(disk);
    return SQLITE_OK;
}

static int sim_control(sqlite3_file *base, int operation, void *argument) {
    (void)base, (void)operation, (void)argument;
    return SQLITE_NOTFOUND;
}

static int sim_sector_size(sqlite3_file *base) {
    (void)base;
    return 4096;
}

static int sim_characteristics(sqlite3_file *base) {
    return ((handle *)base)->file->disk->safe_overwrite ? SQLITE_IOCAP_POWERSAFE_OVERWRITE : 0;
}

// MARK: shared memory. https://www.sqlite.org/walformat.html#the_wal_index_file_format

static int sim_shm_map(sqlite3_file *base, int region, int size, int extends, void volatile **at) {
    inode *file;
    simulated_disk *disk = enter(base, &file);
    int rc = SQLITE_OK;
    *at = NULL;
    if (is_gone(file)) {
        rc = SQLITE_IOERR_SHMMAP;
    } else if (region >= file->region_count && extends) {
        if (disk_is_read_only(disk)) {
            rc = SQLITE_CANTOPEN;
        } else if (disk_room(disk) < size) {
            rc = SQLITE_IOERR_SHMSIZE;
        } else {
            file->regions = realloc(file->regions, sizeof(void *) * (size_t)(region + 1));
            if (!file->regions) abort();
            while (file->region_count <= region) {
                void *memory = calloc(1, (size_t)size);
                if (!memory) abort();
                file->regions[file->region_count++] = memory;
            }
        }
    }
    if (rc == SQLITE_OK && region < file->region_count) *at = file->regions[region];
    disk_unlock(disk);
    return rc;
}

static void shm_release(handle *self, unsigned mask) {
    for (int i = 0; i < SHM_LOCKS; i++) {
        if (!(mask & 1u << i)) continue;
        if (self->shm_exclusive & 1u << i) self->file->shm_exclusive[i] = NULL;
        if (self->shm_shared & 1u << i) self->file->shm_shared[i]--;
    }
    self->shm_exclusive &= ~mask;
    self->shm_shared &= ~mask;
}

static bool shm_is_free(const handle *self, unsigned mask, bool for_all) {
    for (int i = 0; i < SHM_LOCKS; i++) {
        if (!(mask & 1u << i)) continue;
        if (other(self->file->shm_exclusive[i], self)) return false;
        int own = (self->shm_shared & 1u << i) != 0;
        if (for_all && self->file->shm_shared[i] > own) return false;
    }
    return true;
}

static int sim_shm_lock(sqlite3_file *base, int offset, int n, int flags) {
    handle *self = (handle *)base;
    inode *file;
    simulated_disk *disk = enter(base, &file);
    unsigned mask = REGION_LOCKS(offset, n);
    bool is_exclusive = flags & SQLITE_SHM_EXCLUSIVE;
    int rc = SQLITE_OK;
    if (flags & SQLITE_SHM_UNLOCK) {
        shm_release(self, mask);
    } else if (is_gone(file)) {
        rc = SQLITE_IOERR_SHMLOCK;
    } else if (!shm_is_free(self, mask, is_exclusive)) {
        rc = busy();
    } else if (is_exclusive) {
        for (int i = offset; i < offset + n; i++) file->shm_exclusive[i] = self;
        self->shm_exclusive |= mask;
    } else if (!(self->shm_shared & mask)) {
        file->shm_shared[offset]++;
        self->shm_shared |= mask;
    }
    disk_unlock(disk);
    return rc;
}

static void sim_shm_barrier(sqlite3_file *base) {
    (void)base;
    __sync_synchronize();
}

static int sim_shm_unmap(sqlite3_file *base, int deletes) {
    handle *self = (handle *)base;
    inode *file;
    simulated_disk *disk = enter(base, &file);
    shm_release(self, (1u << SHM_LOCKS) - 1);
    if (deletes) {
        for (int i = 0; i < file->region_count; i++) free(file->regions[i]);
        free(file->regions);
        file->regions = NULL;
        file->region_count = 0;
    }
    disk_unlock(disk);
    return SQLITE_OK;
}

// MARK: names

/// Takes a name away. What survives of it without a sync of the folder is for the loss of power to decide.
static int remove_name(simulated_disk *disk, entry *e, bool is_synced) {
    inode *old = e->live;
    e->live = NULL;
    inode_drop(old);
    if (!disk_changes(disk)) return SQLITE_IOERR_DELETE;
    if (is_synced && !disk->is_lying) {
        inode_drop(e->durable);
        e->durable = NULL;
    }
    return SQLITE_OK;
}

static int sim_close(sqlite3_file *base) {
    handle *self = (handle *)base;
    inode *file;
    simulated_disk *disk = enter(base, &file);
    unlock(self, SQLITE_LOCK_NONE);
    shm_release(self, (1u << SHM_LOCKS) - 1);
    if (self->deletes_on_close && !is_gone(file)) {
        for (entry *e = disk->entries; e; e = e->next) {
            if (e->live == file) remove_name(disk, e, false);
        }
    }
    inode_drop(file);
    base->pMethods = NULL;
    disk_unlock(disk);
    return SQLITE_OK;
}

static const sqlite3_io_methods methods = {
    .iVersion = 2, .xClose = sim_close, .xRead = sim_read, .xWrite = sim_write, .xTruncate = sim_truncate,
    .xSync = sim_sync, .xFileSize = sim_size, .xLock = sim_lock, .xUnlock = sim_unlock,
    .xCheckReservedLock = sim_check_reserved, .xFileControl = sim_control, .xSectorSize = sim_sector_size,
    .xDeviceCharacteristics = sim_characteristics, .xShmMap = sim_shm_map, .xShmLock = sim_shm_lock,
    .xShmBarrier = sim_shm_barrier, .xShmUnmap = sim_shm_unmap,
};

static int sim_open(sqlite3_vfs *vfs, sqlite3_filename path, sqlite3_file *base, int flags, int *out) {
    (void)vfs;
    if (!path || strncmp(path, SIMULATED_ROOT, sizeof SIMULATED_ROOT - 1) != 0) {
        return machine->xOpen(machine, path, base, flags, out);
    }
    handle *self = (handle *)base;
    memset(self, 0, sizeof *self);
    const char *name;
    simulated_disk *disk = disk_of_path(path, &name);
    if (!disk) return SQLITE_CANTOPEN;
    int rc = SQLITE_OK;
    entry *e = disk_entry(disk, name, false);
    bool is_there = e && e->live;
    bool creates = !is_there && (flags & SQLITE_OPEN_CREATE);
    if (disk->is_down || (!is_there && !creates) || (creates && disk_is_read_only(disk))
        || (is_there && (flags & SQLITE_OPEN_EXCLUSIVE)) || disk_fails(disk, SIMULATED_READ)) {
        rc = SQLITE_CANTOPEN;
    } else if (creates) {
        e = disk_entry(disk, name, true);
        e->live = inode_make(disk);
        inode_keep(e->live);
        if (!disk_changes(disk)) rc = SQLITE_CANTOPEN;
    }
    if (rc == SQLITE_OK) {
        self->base.pMethods = &methods;
        self->file = e->live;
        inode_keep(e->live);
        self->deletes_on_close = flags & SQLITE_OPEN_DELETEONCLOSE;
        self->is_read_only = disk_is_read_only(disk) && (flags & SQLITE_OPEN_READWRITE);
        if (self->is_read_only) flags = (flags & ~(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE)) | SQLITE_OPEN_READONLY;
        if (out) *out = flags;
    }
    disk_unlock(disk);
    return rc;
}

static int sim_delete(sqlite3_vfs *vfs, const char *path, int syncs_folder) {
    (void)vfs;
    const char *name;
    simulated_disk *disk = disk_of_path(path, &name);
    if (!disk) return machine->xDelete(machine, path, syncs_folder);
    entry *e = disk_entry(disk, name, false);
    int rc = SQLITE_IOERR_DELETE_NOENT;
    if (disk->is_down || disk_is_read_only(disk)) rc = SQLITE_IOERR_DELETE;
    else if (e && e->live) rc = remove_name(disk, e, syncs_folder);
    disk_unlock(disk);
    return rc;
}

static int sim_access(sqlite3_vfs *vfs, const char *path, int flags, int *answer) {
    (void)vfs;
    const char *name;
    simulated_disk *disk = disk_of_path(path, &name);
    if (!disk) return machine->xAccess(machine, path, flags, answer);
    entry *e = disk_entry(disk, name, false);
    // An empty file counts as none, as in the machine's own file system.
    *answer = e && e->live && (flags != SQLITE_ACCESS_EXISTS || e->live->live.size > 0)
        && !(flags == SQLITE_ACCESS_READWRITE && disk_is_read_only(disk));
    int rc = disk->is_down ? SQLITE_IOERR_ACCESS : SQLITE_OK;
    disk_unlock(disk);
    return rc;
}

static int sim_full_path(sqlite3_vfs *vfs, const char *path, int size, char *full) {
    (void)vfs;
    if (strncmp(path, SIMULATED_ROOT, sizeof SIMULATED_ROOT - 1) != 0) {
        return machine->xFullPathname(machine, path, size, full);
    }
    if ((int)strlen(path) >= size) return SQLITE_CANTOPEN;
    strcpy(full, path);
    return SQLITE_OK;
}

// MARK: the rest is the machine's

static void *sim_dl_open(sqlite3_vfs *v, const char *path) { (void)v; return machine->xDlOpen(machine, path); }
static void sim_dl_error(sqlite3_vfs *v, int n, char *out) { (void)v; machine->xDlError(machine, n, out); }
static void (*sim_dl_sym(sqlite3_vfs *v, void *library, const char *symbol))(void) {
    (void)v;
    return machine->xDlSym(machine, library, symbol);
}
static void sim_dl_close(sqlite3_vfs *v, void *library) { (void)v; machine->xDlClose(machine, library); }
static int sim_randomness(sqlite3_vfs *v, int n, char *out) { (void)v; return machine->xRandomness(machine, n, out); }
static int sim_last_error(sqlite3_vfs *v, int n, char *out) { (void)v; return machine->xGetLastError(machine, n, out); }
static int sim_time(sqlite3_vfs *v, double *out) { (void)v; return machine->xCurrentTime(machine, out); }
static int sim_time64(sqlite3_vfs *v, sqlite3_int64 *out) { (void)v; return machine->xCurrentTimeInt64(machine, out); }

static int sim_sleep(sqlite3_vfs *v, int microseconds) {
    (void)v;
    // Who holds a lock of ours is on this thread and lets go of nothing meanwhile: time passes without waiting.
    if (was_busy) {
        was_busy = false;
        return microseconds;
    }
    return machine->xSleep(machine, microseconds);
}

static sqlite3_vfs ours = {
    .iVersion = 2, .mxPathname = 512, .zName = "simulated-disk", .xOpen = sim_open, .xDelete = sim_delete,
    .xAccess = sim_access, .xFullPathname = sim_full_path, .xDlOpen = sim_dl_open, .xDlError = sim_dl_error,
    .xDlSym = sim_dl_sym, .xDlClose = sim_dl_close, .xRandomness = sim_randomness, .xSleep = sim_sleep,
    .xCurrentTime = sim_time, .xGetLastError = sim_last_error, .xCurrentTimeInt64 = sim_time64,
};

static void register_once(void) {
    machine = sqlite3_vfs_find(NULL);
    if (!machine) abort();
    int size = (int)sizeof(handle);
    ours.szOsFile = machine->szOsFile > size ? machine->szOsFile : size;
    ours.mxPathname = machine->mxPathname;
    if (sqlite3_vfs_register(&ours, 1) != SQLITE_OK) abort();
}

void simulated_vfs_register(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, register_once);
}
