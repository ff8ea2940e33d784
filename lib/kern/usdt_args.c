/*
 * Argument locations of USDT probes: "-4@%edi 8@-8(%rbp) 4@$5 8@16(%rax,%rbx,8) 8@foo+4(%rip)".
 *
 * Each is SIZE@OPERAND in the assembler's syntax; a negative size means signed.  The operand syntax
 * is that of GCC's asm constraints, so it differs by architecture.
 */
#include <asm/ptrace.h>
#include <ctype.h>
#include <elf.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "kern/usdt.h"

/*
 * Offsets in the context of a uprobe program.  On x86-64 that is the kernel's struct pt_regs
 * (arch/x86/include/asm/ptrace.h): 21 words in the order below.  On aarch64 it is struct
 * user_pt_regs: x0..x30, sp, pc, pstate.
 */
/* clang-format off */
enum {
	X86_R15 = 0, X86_R14 = 8, X86_R13 = 16, X86_R12 = 24, X86_RBP = 32, X86_RBX = 40,
	X86_R11 = 48, X86_R10 = 56, X86_R9 = 64, X86_R8 = 72, X86_RAX = 80, X86_RCX = 88,
	X86_RDX = 96, X86_RSI = 104, X86_RDI = 112, X86_RIP = 128, X86_RSP = 152,
	ARM_SP = 31 * 8, ARM_PC = 32 * 8,
};

struct register_name {
	const char *names; // all widths, space-separated
	int16_t offset;
};

static const struct register_name x86_registers[] = {
	{ "rax eax ax al", X86_RAX },	  { "rbx ebx bx bl", X86_RBX },
	{ "rcx ecx cx cl", X86_RCX },	  { "rdx edx dx dl", X86_RDX },
	{ "rsi esi si sil", X86_RSI },	  { "rdi edi di dil", X86_RDI },
	{ "rbp ebp bp bpl", X86_RBP },	  { "rsp esp sp spl", X86_RSP },
	{ "r8 r8d r8w r8b", X86_R8 },	  { "r9 r9d r9w r9b", X86_R9 },
	{ "r10 r10d r10w r10b", X86_R10 }, { "r11 r11d r11w r11b", X86_R11 },
	{ "r12 r12d r12w r12b", X86_R12 }, { "r13 r13d r13w r13b", X86_R13 },
	{ "r14 r14d r14w r14b", X86_R14 }, { "r15 r15d r15w r15b", X86_R15 },
	{ "rip eip ip", X86_RIP },
};
/* clang-format on */

static const struct register_name x86_high_bytes[] = {
	{ "ah", X86_RAX },
	{ "bh", X86_RBX },
	{ "ch", X86_RCX },
	{ "dh", X86_RDX },
};

static bool is_in_list(const char *list, const char *name, size_t len)
{
	for (const char *p = list; *p;) {
		size_t n = strcspn(p, " ");

		if (n == len && !strncmp(p, name, len))
			return true;
		p += n + (p[n] == ' ');
	}
	return false;
}

static int16_t find_register(const struct register_name *rows, size_t count, const char *name,
			     size_t len)
{
	for (size_t i = 0; i < count; i++) {
		if (is_in_list(rows[i].names, name, len))
			return rows[i].offset;
	}
	return -1;
}

static int16_t x86_register(const char *name, size_t len, uint8_t *shift)
{
	int16_t offset = find_register(x86_registers,
				       sizeof(x86_registers) / sizeof(*x86_registers), name, len);

	*shift = 0;
	if (offset >= 0)
		return offset;
	*shift = 8;
	return find_register(x86_high_bytes, sizeof(x86_high_bytes) / sizeof(*x86_high_bytes), name,
			     len);
}

/* A number with a sign; false if there is none. */
static bool parse_number(const char **p, int64_t *out)
{
	char *end;
	const char *digits = *p + (**p == '-' || **p == '+');

	if (!isdigit((unsigned char)*digits))
		return false;
	errno = 0;
	/* Immediates may be written as their unsigned bits: "$18446744073709551615". */
	*out = **p == '-' ? (int64_t)-strtoull(digits, &end, 0)
			  : (int64_t)strtoull(digits, &end, 0);
	*p = end;
	return errno == 0;
}

static size_t word_len(const char *p)
{
	size_t n = 0;

	while (isalnum((unsigned char)p[n]))
		n++;
	return n;
}

static bool x86_base_and_index(const char **p, struct usdt_arg *out)
{
	uint8_t shift;
	size_t len;
	int64_t scale = 1;

	out->index = -1;
	out->reg = -1;
	if (**p == '%') {
		len = word_len(++*p);
		out->reg = x86_register(*p, len, &shift);
		*p += len;
		if (out->reg < 0 || shift)
			return false;
	}
	if (**p == ',') {
		if (*++*p != '%')
			return false;
		len = word_len(++*p);
		out->index = x86_register(*p, len, &shift);
		*p += len;
		if (out->index < 0 || shift)
			return false;
		if (**p == ',' && (++*p, !parse_number(p, &scale)))
			return false;
	}
	if (scale != 1 && scale != 2 && scale != 4 && scale != 8)
		return false;
	out->scale_shift = (uint8_t)__builtin_ctzll((unsigned long long)scale);
	/* "(,%rax,8)" has no base: the index stands alone, which no compiler writes here. */
	return **p == ')' && out->reg >= 0 ? (++*p, true) : false;
}

static bool parse_x86(const char **p, struct usdt_arg *out)
{
	size_t len;

	out->index = -1;
	if (**p == '$') {
		++*p;
		out->kind = USDT_ARG_CONST;
		return parse_number(p, &out->value);
	}
	if (**p == '%') {
		len = word_len(++*p);
		out->kind = USDT_ARG_REG;
		out->is_float = !strncmp(*p, "xmm", 3) || !strncmp(*p, "st", 2);
		out->reg = out->is_float ? 0 : x86_register(*p, len, &out->reg_shift);
		*p += len;
		return out->reg >= 0;
	}
	out->kind = USDT_ARG_MEM;
	out->value = 0;
	/* A symbol ("foo+4(%rip)") would need relocating; it is left to the caller as unreadable.
	 */
	if (**p != '(' && !parse_number(p, &out->value))
		return false;
	if (**p != '(')
		return false;
	++*p;
	return x86_base_and_index(p, out);
}

/* "x0", "w3", "sp", "wzr"; the zero register is a constant. */
static bool arm_register(const char **p, int16_t *reg, bool *is_zero)
{
	const char *s = *p;
	size_t len = word_len(s);
	int64_t number;
	const char *digits = s + 1;

	*is_zero = len == 3 && (!strncmp(s, "xzr", 3) || !strncmp(s, "wzr", 3));
	*p += len;
	if (*is_zero)
		return true;
	if ((len == 2 && !strncmp(s, "sp", 2)) || (len == 3 && !strncmp(s, "wsp", 3))) {
		*reg = ARM_SP;
		return true;
	}
	if ((*s != 'x' && *s != 'w') || !parse_number(&digits, &number) || digits != s + len ||
	    number > 30)
		return false;
	*reg = (int16_t)(number * 8);
	return true;
}

/* ", lsl 3", if it is there. */
static bool arm_shift(const char **p, struct usdt_arg *out)
{
	int64_t shift;

	if (strncmp(*p, ", lsl ", 6) != 0)
		return true;
	*p += 6 + strspn(*p + 6, "#");
	if (!parse_number(p, &shift) || shift < 0 || shift > 3)
		return false;
	out->scale_shift = (uint8_t)shift;
	return true;
}

/* "sp, 16]", "x1]", "x1, x2, lsl 3]". */
static bool arm_memory(const char **p, struct usdt_arg *out)
{
	bool is_zero;

	out->kind = USDT_ARG_MEM;
	if (!arm_register(p, &out->reg, &is_zero) || is_zero)
		return false;
	if (**p == ',') {
		*p += 1 + strspn(*p + 1, " #");
		if (!parse_number(p, &out->value) &&
		    (!arm_register(p, &out->index, &is_zero) || is_zero || !arm_shift(p, out)))
			return false;
	}
	return **p == ']' ? (++*p, true) : false;
}

/* "x0", "5", "[sp, 16]", "[x1]", "[x1, x2, lsl 3]". */
static bool parse_arm(const char **p, struct usdt_arg *out)
{
	bool is_zero;

	out->index = -1;
	if (**p == '#' || **p == '-' || isdigit((unsigned char)**p)) {
		*p += **p == '#';
		out->kind = USDT_ARG_CONST;
		return parse_number(p, &out->value);
	}
	if (**p != '[') {
		out->is_float = **p == 'v' || **p == 'd' || **p == 's' || **p == 'q';
		if (out->is_float && strncmp(*p, "sp", 2) != 0) {
			*p += word_len(*p);
			out->kind = USDT_ARG_REG;
			return true;
		}
		out->is_float = false;
		if (!arm_register(p, &out->reg, &is_zero))
			return false;
		out->kind = is_zero ? USDT_ARG_CONST : USDT_ARG_REG;
		return true;
	}
	++*p;
	return arm_memory(p, out);
}

static bool parse_size(const char **p, struct usdt_arg *out)
{
	int64_t size;

	/* systemtap's newer sdt.h marks floating point: "8f@%xmm0". */
	if (!parse_number(p, &size))
		return false;
	if (**p == 'f') {
		out->is_float = true;
		++*p;
	}
	if (**p != '@')
		return false;
	++*p;
	out->is_signed = size < 0;
	size = size < 0 ? -size : size;
	out->size = (uint8_t)size;
	return size == 1 || size == 2 || size == 4 || size == 8;
}

int usdt_parse_args(struct usdt_arg args[USDT_ARGS_MAX], const char *spec, uint16_t machine)
{
	int count = 0;

	if (machine != EM_X86_64 && machine != EM_AARCH64)
		return -EINVAL;
	for (const char *p = spec + strspn(spec, " "); *p; p += strspn(p, " ")) {
		struct usdt_arg arg = { 0 };
		bool is_float;

		if (count == USDT_ARGS_MAX || !parse_size(&p, &arg))
			return -EINVAL;
		is_float = arg.is_float;
		if (!(machine == EM_X86_64 ? parse_x86(&p, &arg) : parse_arm(&p, &arg)))
			return -EINVAL;
		if (*p && *p != ' ')
			return -EINVAL;
		arg.is_float |= is_float;
		args[count++] = arg;
	}
	return count;
}
