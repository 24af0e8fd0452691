// Counts what is reserved while a decoder runs, through AddressSanitizer's hooks.
// https://github.com/llvm/llvm-project/blob/main/compiler-rt/include/sanitizer/allocator_interface.h
#include <sanitizer/allocator_interface.h>
#include <stddef.h>

static _Thread_local int counting;
static _Thread_local size_t held, most;

static void on_malloc(const volatile void *place, size_t size) {
    (void)place;
    if (!counting) return;
    held += size;
    if (held > most) most = held;
}

static void on_free(const volatile void *place) {
    if (!counting || !place) return;
    size_t size = __sanitizer_get_allocated_size(place);
    held -= size < held ? size : held;
}

void samband_count_begin(void) {
    static int installed;
    if (!installed) installed = __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
    held = most = 0;
    counting = 1;
}

/// The most that was held at once since samband_count_begin.
size_t samband_count_end(void) {
    counting = 0;
    return most;
}
