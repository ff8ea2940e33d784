/* C++ names; the demangler is the one that GCC's runtime library carries, the only C++ here. */
#include <stdlib.h>
#include <string.h>

#include "kern/elfsyms.h"

#ifdef HAVE_DEMANGLE
/* Itanium C++ ABI, 3.4: abi::__cxa_demangle. */
extern char *__cxa_demangle(const char *mangled, char *buffer, size_t *length, int *status);

char *elfsyms_demangle(const char *name)
{
	int status;

	if (strncmp(name, "_Z", 2) != 0 && strncmp(name, "___Z", 4) != 0)
		return NULL;
	return __cxa_demangle(name, NULL, NULL, &status);
}
#else
char *elfsyms_demangle(const char *name)
{
	(void)name;
	return NULL;
}
#endif

/* "f(int)::{lambda()#1}::operator()(int) const" ends in the list to cut; so does "a::f<b>(c)". */
void elfsyms_strip_parameters(char *demangled)
{
	char *close = strrchr(demangled, ')'), *p;
	int depth = 0;

	if (!close)
		return;
	for (p = close; p >= demangled; p--) {
		depth += *p == ')';
		if (*p == '(' && --depth == 0) {
			if (p > demangled)
				*p = 0;
			return;
		}
	}
}
