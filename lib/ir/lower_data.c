/*
 * Lowering: the sections .data and .rodata, and the list of BPF maps.
 */
#include "ir/lower_impl.h"

#include <string.h>

int32_t image_map_add(struct lower *lo, const struct image_map *map)
{
	vec_push(lo->arena, &lo->maps, *map);
	return (int32_t)lo->maps.len - 1;
}

uint32_t data_reserve(struct lower *lo, struct data_section *s, uint32_t size, uint32_t align)
{
	uint32_t offset = (s->len + align - 1) / align * align;

	if (offset + size > s->cap) {
		uint32_t cap = (offset + size) * 2 + 256;
		uint8_t *grown = arena_alloc(lo->arena, cap);

		if (s->len)
			memcpy(grown, s->bytes, s->len);
		s->bytes = grown;
		s->cap = cap;
	}
	s->len = offset + size;
	return offset;
}

static void section_begin(struct lower *lo, struct data_section *s, const char *name,
			  uint32_t flags)
{
	struct image_map map = { .name = name,
				 .type = BPF_MAP_TYPE_ARRAY,
				 .key_size = 4,
				 .max_entries = 1,
				 .flags = flags,
				 .is_frozen = flags & BPF_F_RDONLY_PROG };

	s->map = image_map_add(lo, &map);
	strmap_init(&s->strings, lo->arena);
}

static uint32_t round_up_power(uint32_t n)
{
	uint32_t power = 1;

	while (power < n)
		power *= 2;
	return power;
}

void data_begin(struct lower *lo)
{
	struct image_map ringbuf = { .name = "ringbuf", .type = BPF_MAP_TYPE_RINGBUF };
	const struct target *t = lo->o->target;

	lo->arch = arch_of(t);
	lo->cpu_count = t && t->cpu_count ? t->cpu_count : 1;
	lo->cpu_slots = round_up_power(lo->cpu_count);
	section_begin(lo, &lo->rodata, ".rodata", BPF_F_RDONLY_PROG);
	section_begin(lo, &lo->data, ".data", BPF_F_MMAPABLE);
	lo->ringbuf_map = image_map_add(lo, &ringbuf);
	lo->packet_map = -1;
	lo->filter_map =
		lo->o->filter && lo->o->filter->is_set ? (int32_t)kube_set_new(lo, "filter") : -1;
	lo->runtime_offset = data_reserve(lo, &lo->rodata, 8 * RUNTIME_COUNT, 8);
	lo->lost_offset = data_reserve(lo, &lo->data, 64 * lo->cpu_slots, 64);
}

static void section_finish(struct lower *lo, const struct data_section *s)
{
	struct image_map *map = &lo->maps.data[s->map];

	map->value_size = s->len;
	map->data_size = s->len;
	map->data = s->bytes;
}

void data_finish(struct lower *lo)
{
	section_finish(lo, &lo->rodata);
	section_finish(lo, &lo->data);
}

struct place rodata_bytes(struct lower *lo, const void *bytes, uint32_t size, uint32_t align)
{
	struct data_section *s = &lo->rodata;
	void *known = strmap_get_n(&s->strings, bytes, size);
	uint32_t offset;

	/* Offsets are stored + 1, to tell them from none.  All constants are aligned to 8. */
	if (known)
		return place_data(lo, s->map, (int64_t)(uintptr_t)known - 1);
	offset = data_reserve(lo, s, size, align < 8 ? 8 : align);
	memcpy(s->bytes + offset, bytes, size);
	strmap_put_n(&s->strings, bytes, size, (void *)(uintptr_t)(offset + 1));
	return place_data(lo, s->map, offset);
}

/* A u64 that exit() sets: see lower_body(). */
struct place exit_flag(struct lower *lo)
{
	if (!lo->exit_offset)
		lo->exit_offset = data_reserve(lo, &lo->data, 8, 8);
	return place_data(lo, lo->data.map, lo->exit_offset);
}

struct place rodata_zeros(struct lower *lo, uint32_t size)
{
	if (size > lo->zeros_size) {
		lo->zeros_size = (size + 63) & ~63u;
		lo->zeros_offset = data_reserve(lo, &lo->rodata, lo->zeros_size, 8);
	}
	return place_data(lo, lo->rodata.map, lo->zeros_offset);
}

uint32_t probe_name_id(struct lower *lo, const char *name)
{
	void *known = strmap_get(&lo->probe_ids, name);

	if (known)
		return (uint32_t)(uintptr_t)known - 1;
	vec_push(lo->arena, &lo->probe_names, name);
	strmap_put(&lo->probe_ids, name, (void *)(uintptr_t)lo->probe_names.len);
	return (uint32_t)lo->probe_names.len - 1;
}

uint32_t stack_limit(const struct type *t)
{
	return t->limit ? t->limit : 127;
}

/* Stacks of one kind and length share a map: see lower_stack.c. */
uint32_t stack_map(struct lower *lo, const struct type *t)
{
	bool is_build_id = t->kind == TYPE_USTACK && t->mode == STACK_BUILD_ID;
	struct stack_map known = { .limit = stack_limit(t), .is_build_id = is_build_id };
	uint32_t frame = is_build_id ? 32 : 8;
	struct image_map map = { .type = BPF_MAP_TYPE_HASH,
				 .key_size = 4,
				 .value_size = ((known.limit * frame + 31) & ~31u) + 8,
				 .max_entries = STACK_ENTRIES_PREALLOCATED };

	vec_foreach (&lo->stack_maps, s)
		if (s->limit == known.limit && s->is_build_id == is_build_id)
			return s->map;
	/* Where the kernel can allocate entries at any time, there is room for many (6.1). */
	if (lo->features.ktime_get_tai_ns) {
		map.max_entries = STACK_ENTRIES;
		map.flags = BPF_F_NO_PREALLOC;
	}
	map.name = arena_printf(lo->arena, "stacks_%u%s", known.limit, is_build_id ? "b" : "");
	known.map = (uint32_t)image_map_add(lo, &map);
	vec_push(lo->arena, &lo->stack_maps, known);
	return known.map;
}
