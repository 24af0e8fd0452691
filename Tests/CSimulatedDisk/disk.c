// The disk itself: files, what of them is durable, and what a loss of power leaves.
#include "disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/// A write that is cut ends at a border of these, and damage fills one. Disks write no less at once.
#define SECTOR 512

static pthread_mutex_t registry = PTHREAD_MUTEX_INITIALIZER;
static simulated_disk *disks;
static uint64_t last_number;

// MARK: small things

static uint64_t next_random(simulated_disk *disk) {
    // splitmix64. https://prng.di.unimi.it/splitmix64.c
    uint64_t z = (disk->random += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void *allocated(void *memory) {
    if (!memory) abort();
    return memory;
}

static void content_resize(content *c, int64_t size) {
    if (size > c->capacity) {
        c->capacity = size > 2 * c->capacity ? size : 2 * c->capacity;
        c->bytes = allocated(realloc(c->bytes, (size_t)c->capacity));
    }
    if (size > c->size) memset(c->bytes + c->size, 0, (size_t)(size - c->size));
    c->size = size;
}

static void content_write(content *c, int64_t offset, const void *bytes, int64_t count) {
    if (count == 0) return;
    if (offset + count > c->size) content_resize(c, offset + count);
    memcpy(c->bytes + offset, bytes, (size_t)count);
}

static void content_copy(content *to, const content *from) {
    content_resize(to, from->size);
    if (from->size > 0) memcpy(to->bytes, from->bytes, (size_t)from->size);
}

static void content_free(content *c) {
    free(c->bytes);
    *c = (content){0};
}

// MARK: files

inode *inode_make(simulated_disk *disk) {
    inode *file = allocated(calloc(1, sizeof *file));
    file->disk = disk;
    disk->references++;
    return file;
}

void inode_keep(inode *file) { file->references++; }

void inode_forget(inode *file) {
    while (file->first) {
        pending *done = file->first;
        file->first = done->next;
        free(done->bytes);
        free(done);
    }
    file->last = NULL;
}

void inode_drop(inode *file) {
    if (!file || --file->references > 0) return;
    inode_forget(file);
    content_free(&file->live);
    content_free(&file->durable);
    for (int i = 0; i < file->region_count; i++) free(file->regions[i]);
    free(file->regions);
    file->disk->references--;
    free(file);
}

static void add_pending(inode *file, int64_t offset, const void *bytes, int64_t count) {
    pending *new = allocated(calloc(1, sizeof *new));
    new->offset = offset;
    new->count = count;
    if (bytes) {
        new->bytes = allocated(malloc((size_t)(count > 0 ? count : 1)));
        memcpy(new->bytes, bytes, (size_t)count);
    }
    if (file->last) file->last->next = new; else file->first = new;
    file->last = new;
}

void inode_write(inode *file, int64_t offset, const void *bytes, int64_t count) {
    content_write(&file->live, offset, bytes, count);
    add_pending(file, offset, bytes, count);
}

void inode_truncate(inode *file, int64_t size) {
    content_resize(&file->live, size);
    add_pending(file, size, NULL, 0);
}

static void apply(content *to, const pending *change) {
    if (change->bytes) content_write(to, change->offset, change->bytes, change->count);
    else content_resize(to, change->offset);
}

void inode_sync(inode *file) {
    for (pending *p = file->first; p; p = p->next) apply(&file->durable, p);
    inode_forget(file);
    // With it come all names made and taken away before, for file systems with a journal keep their order. What SQLite
    // would do by syncing the folder is in this too.
    for (entry *e = file->disk->entries; e; e = e->next) {
        if (e->live == e->durable) continue;
        if (e->live) inode_keep(e->live);
        inode_drop(e->durable);
        e->durable = e->live;
    }
}

entry *disk_entry(simulated_disk *disk, const char *name, bool make) {
    for (entry *e = disk->entries; e; e = e->next) {
        if (strcmp(e->name, name) == 0) return e;
    }
    if (!make) return NULL;
    entry *e = allocated(calloc(1, sizeof *e));
    e->name = allocated(strdup(name));
    e->next = disk->entries;
    disk->entries = e;
    return e;
}

int64_t disk_used(simulated_disk *disk) {
    int64_t used = 0;
    for (entry *e = disk->entries; e; e = e->next) used += e->live ? e->live->live.size : 0;
    return used;
}

// MARK: what a loss of power leaves

static void damage(simulated_disk *disk, content *c, int64_t from, int64_t to) {
    for (int64_t i = from; i < to && i < c->size; i++) c->bytes[i] = (uint8_t)next_random(disk);
}

/// A write that the power cut short.
static void apply_torn(simulated_disk *disk, content *c, const pending *p) {
    int64_t first = p->offset / SECTOR, last = (p->offset + p->count - 1) / SECTOR;
    for (int64_t sector = first; sector <= last; sector++) {
        int64_t from = sector * SECTOR, to = from + SECTOR;
        int64_t low = from > p->offset ? from : p->offset;
        int64_t high = to < p->offset + p->count ? to : p->offset + p->count;
        uint64_t fate = next_random(disk) % 8;
        if (fate >= 4) {
            content_write(c, low, p->bytes + (low - p->offset), high - low);
        } else if (fate == 0) {
            content_write(c, low, p->bytes + (low - p->offset), high - low);
            // Where an overwrite is safe, only the bytes of the write itself may come to harm.
            if (disk->safe_overwrite) damage(disk, c, low, high);
            else damage(disk, c, from, to);
        }
    }
}

/// Each change by itself, for a disk may reorder them; what it did last to a byte is what it holds.
static void survive(simulated_disk *disk, inode *file, int survival, content *left) {
    content_copy(left, &file->durable);
    if (survival == SIMULATED_NOTHING_SURVIVES) return;
    // Some crashes lose nearly everything, some nearly nothing.
    uint64_t kept = survival == SIMULATED_ALL_SURVIVES ? 101 : 10 + next_random(disk) % 90;
    for (pending *p = file->first; p; p = p->next) {
        if (next_random(disk) % 100 < kept) apply(left, p);
        else if (p->bytes && p->count > 0 && next_random(disk) % 2) apply_torn(disk, left, p);
    }
}

static bool file_survives(simulated_disk *disk, int survival) {
    return survival == SIMULATED_ALL_SURVIVES || (survival == SIMULATED_RANDOM_SURVIVAL && next_random(disk) % 2);
}

/// Gives a name a file with this content, durable, and takes away what it had. Takes the content over.
static void replace(simulated_disk *disk, entry *e, content *with) {
    inode *new = NULL;
    if (with) {
        new = inode_make(disk);
        new->references = 2;
        content_copy(&new->durable, with);
        new->live = *with;
    }
    if (e->live) e->live->is_dead = true;
    if (e->durable) e->durable->is_dead = true;
    inode_drop(e->live);
    inode_drop(e->durable);
    e->live = e->durable = new;
}

static void power_returns(simulated_disk *disk, int survival) {
    for (entry *e = disk->entries; e; e = e->next) {
        inode *from = e->live;
        if (e->live != e->durable && !file_survives(disk, survival)) from = e->durable;
        content left = {0};
        if (from) survive(disk, from, survival, &left);
        replace(disk, e, from ? &left : NULL);
    }
    disk->is_down = false;
    disk->crash_after = 0;
}

bool disk_changes(simulated_disk *disk) {
    disk->changes++;
    if (!disk->is_calm && disk->crash_after > 0 && --disk->crash_after == 0) disk->is_down = true;
    return !disk->is_down;
}

bool disk_is_read_only(const simulated_disk *disk) { return disk->is_read_only && !disk->is_calm; }

int64_t disk_room(simulated_disk *disk) {
    return disk->limit < 0 || disk->is_calm ? INT64_MAX : disk->limit - disk_used(disk);
}

bool disk_fails(simulated_disk *disk, int kind) {
    if (disk->is_calm || !(disk->failing_kinds & kind)) return false;
    if (disk->failing_spared > 0) {
        disk->failing_spared--;
        return false;
    }
    if (disk->failing_count == 0) return false;
    disk->failing_count--;
    return true;
}

// MARK: for its owner

simulated_disk *simulated_disk_make(uint64_t seed, int safe_overwrite) {
    simulated_vfs_register();
    simulated_disk *disk = allocated(calloc(1, sizeof *disk));
    pthread_mutex_init(&disk->mutex, NULL);
    disk->random = seed;
    disk->safe_overwrite = safe_overwrite != 0;
    disk->limit = -1;
    disk->references = 1;
    pthread_mutex_lock(&registry);
    disk->number = ++last_number;
    disk->next = disks;
    disks = disk;
    pthread_mutex_unlock(&registry);
    return disk;
}

/// Frees the disk if nobody holds it any more; it is locked on entry and not on return.
void disk_unlock(simulated_disk *disk) {
    bool is_over = disk->references == 0;
    pthread_mutex_unlock(&disk->mutex);
    if (!is_over) return;
    for (entry *e = disk->entries, *next; e; e = next) {
        next = e->next;
        free(e->name);
        free(e);
    }
    pthread_mutex_destroy(&disk->mutex);
    free(disk);
}

void simulated_disk_release(simulated_disk *disk) {
    pthread_mutex_lock(&registry);
    for (simulated_disk **at = &disks; *at; at = &(*at)->next) {
        if (*at == disk) {
            *at = disk->next;
            break;
        }
    }
    pthread_mutex_unlock(&registry);
    pthread_mutex_lock(&disk->mutex);
    disk->is_down = true;
    for (entry *e = disk->entries; e; e = e->next) replace(disk, e, NULL);
    disk->references--;
    disk_unlock(disk);
}

simulated_disk *disk_of_path(const char *path, const char **name) {
    if (!path || strncmp(path, SIMULATED_ROOT, sizeof SIMULATED_ROOT - 1) != 0) return NULL;
    char *end;
    uint64_t number = strtoull(path + sizeof SIMULATED_ROOT - 1, &end, 10);
    if (*end != '/') return NULL;
    if (name) *name = end + 1;
    pthread_mutex_lock(&registry);
    simulated_disk *disk = disks;
    while (disk && disk->number != number) disk = disk->next;
    if (disk) pthread_mutex_lock(&disk->mutex);
    pthread_mutex_unlock(&registry);
    return disk;
}

// The rest locks the disk and does what its name says.
#define LOCKED(...) do { pthread_mutex_lock(&disk->mutex); __VA_ARGS__; pthread_mutex_unlock(&disk->mutex); } while (0)

uint64_t simulated_disk_number(simulated_disk *disk) { return disk->number; }

void simulated_disk_put(simulated_disk *disk, const char *name, const void *bytes, int64_t count) {
    content with = {0};
    content_write(&with, 0, bytes, count);
    LOCKED(replace(disk, disk_entry(disk, name, true), &with));
}

int64_t simulated_disk_get(simulated_disk *disk, const char *name, int durable, void *bytes, int64_t capacity) {
    int64_t size = -1;
    pthread_mutex_lock(&disk->mutex);
    entry *e = disk_entry(disk, name, false);
    inode *file = !e ? NULL : durable ? e->durable : e->live;
    if (file) {
        content *c = durable ? &file->durable : &file->live;
        size = c->size;
        int64_t count = size < capacity ? size : capacity;
        if (count > 0) memcpy(bytes, c->bytes, (size_t)count);
    }
    pthread_mutex_unlock(&disk->mutex);
    return size;
}

void simulated_disk_crash_after(simulated_disk *disk, int64_t operations) { LOCKED(disk->crash_after = operations); }

int64_t simulated_disk_crash_distance(simulated_disk *disk) {
    int64_t distance;
    LOCKED(distance = disk->crash_after);
    return distance;
}

void simulated_disk_cut_power(simulated_disk *disk) { LOCKED(disk->is_down = true); }

int simulated_disk_is_down(simulated_disk *disk) {
    int down;
    LOCKED(down = disk->is_down);
    return down;
}

void simulated_disk_restore_power(simulated_disk *disk, int survival) { LOCKED(power_returns(disk, survival)); }

void simulated_disk_fail(simulated_disk *disk, int kinds, int64_t spared, int64_t count) {
    LOCKED(disk->failing_kinds = kinds; disk->failing_spared = spared; disk->failing_count = count);
}

void simulated_disk_limit(simulated_disk *disk, int64_t bytes) { LOCKED(disk->limit = bytes); }

int64_t simulated_disk_used(simulated_disk *disk) {
    int64_t used;
    LOCKED(used = disk_used(disk));
    return used;
}

void simulated_disk_set_read_only(simulated_disk *disk, int read_only) { LOCKED(disk->is_read_only = read_only != 0); }
void simulated_disk_set_calm(simulated_disk *disk, int calm) { LOCKED(disk->is_calm = calm != 0); }
void simulated_disk_set_lying(simulated_disk *disk, int lying) { LOCKED(disk->is_lying = lying != 0); }
void simulated_disk_set_forgetful(simulated_disk *disk, int on) { LOCKED(disk->is_forgetful = on != 0); }

int64_t simulated_disk_changes(simulated_disk *disk) {
    int64_t count;
    LOCKED(count = disk->changes);
    return count;
}

int64_t simulated_disk_syncs(simulated_disk *disk) {
    int64_t count;
    LOCKED(count = disk->syncs);
    return count;
}

// MARK: images

struct simulated_image {
    int count;
    char **names;
    content *contents;
};

simulated_image *simulated_disk_take_image(simulated_disk *disk) {
    simulated_image *image = allocated(calloc(1, sizeof *image));
    pthread_mutex_lock(&disk->mutex);
    for (entry *e = disk->entries; e; e = e->next) image->count += e->live != NULL;
    image->names = allocated(calloc((size_t)image->count + 1, sizeof *image->names));
    image->contents = allocated(calloc((size_t)image->count + 1, sizeof *image->contents));
    int at = 0;
    for (entry *e = disk->entries; e; e = e->next) {
        if (!e->live) continue;
        image->names[at] = allocated(strdup(e->name));
        content_copy(&image->contents[at++], &e->live->live);
    }
    pthread_mutex_unlock(&disk->mutex);
    return image;
}

void simulated_disk_put_image(simulated_disk *disk, const simulated_image *image) {
    pthread_mutex_lock(&disk->mutex);
    for (entry *e = disk->entries; e; e = e->next) replace(disk, e, NULL);
    for (int i = 0; i < image->count; i++) {
        content with = {0};
        content_copy(&with, &image->contents[i]);
        replace(disk, disk_entry(disk, image->names[i], true), &with);
    }
    disk->is_down = false;
    pthread_mutex_unlock(&disk->mutex);
}

void simulated_image_release(simulated_image *image) {
    for (int i = 0; i < image->count; i++) {
        free(image->names[i]);
        content_free(&image->contents[i]);
    }
    free(image->names);
    free(image->contents);
    free(image);
}
