#include "kube/kubeconfig_yaml.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "kube/json.h"

#define MAX_DEPTH 64
#define MAX_NODES 100000 // aliases of aliases can make a tree of any size from a short text

struct converter {
	yaml_document_t *document;
	size_t nodes; // made so far
};

static cJSON *convert(struct converter *c, int id, int depth);

static const char *scalar_text(const yaml_node_t *node)
{
	return (const char *)node->data.scalar.value;
}

static cJSON *convert_scalar(const yaml_node_t *node)
{
	const char *s = scalar_text(node);
	char *end;
	double number;

	if (node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		return cJSON_CreateString(s);
	if (strcmp(s, "null") == 0 || strcmp(s, "~") == 0 || *s == '\0')
		return cJSON_CreateNull();
	if (strcmp(s, "true") == 0 || strcmp(s, "false") == 0)
		return cJSON_CreateBool(*s == 't');
	/* strtod() also takes "inf", "nan", hexadecimal and leading blanks: not numbers here. */
	if (s[strspn(s, "+-.0123456789eE")] == '\0' && strpbrk(s, "0123456789")) {
		number = strtod(s, &end);
		if (*end == '\0')
			return cJSON_CreateNumber(number);
	}
	return cJSON_CreateString(s);
}

static cJSON *convert_sequence(struct converter *c, const yaml_node_t *node, int depth)
{
	cJSON *array = cJSON_CreateArray();

	for (yaml_node_item_t *item = node->data.sequence.items.start;
	     item < node->data.sequence.items.top; item++) {
		cJSON *value = convert(c, *item, depth);

		if (!value || !cJSON_AddItemToArray(array, value)) {
			cJSON_Delete(array);
			return NULL;
		}
	}
	return array;
}

static cJSON *convert_mapping(struct converter *c, const yaml_node_t *node, int depth)
{
	cJSON *object = cJSON_CreateObject();

	for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	     pair < node->data.mapping.pairs.top; pair++) {
		yaml_node_t *key = yaml_document_get_node(c->document, pair->key);
		cJSON *value = convert(c, pair->value, depth);

		if (!value || !key || key->type != YAML_SCALAR_NODE ||
		    !cJSON_AddItemToObject(object, scalar_text(key), value)) {
			cJSON_Delete(value);
			cJSON_Delete(object);
			return NULL;
		}
	}
	return object;
}

static cJSON *convert(struct converter *c, int id, int depth)
{
	yaml_node_t *node = yaml_document_get_node(c->document, id);

	if (!node || depth > MAX_DEPTH || ++c->nodes > MAX_NODES)
		return NULL;
	switch (node->type) {
	case YAML_SCALAR_NODE: return convert_scalar(node);
	case YAML_SEQUENCE_NODE: return convert_sequence(c, node, depth + 1);
	case YAML_MAPPING_NODE: return convert_mapping(c, node, depth + 1);
	default: return NULL;
	}
}

static int convert_document(cJSON **out, yaml_document_t *document, struct err *err)
{
	struct converter c = { .document = document };
	yaml_node_t *root = yaml_document_get_root_node(document);
	cJSON *json = root ? convert(&c, 1, 0) : cJSON_CreateNull();

	if (!json)
		return err_set(err, -EINVAL,
			       "YAML document is too deep, too large, or has a "
			       "key that is not a string");
	*out = json;
	return 0;
}

int yaml_to_json(cJSON **out, const char *text, size_t len, struct err *err)
{
	yaml_parser_t parser;
	yaml_document_t document;
	int ret;

	if (!yaml_parser_initialize(&parser))
		return err_set(err, -ENOMEM, "out of memory");
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	if (yaml_parser_load(&parser, &document)) {
		ret = convert_document(out, &document, err);
		yaml_document_delete(&document);
	} else {
		ret = err_set(err, -EINVAL, "not YAML: line %zu, column %zu: %s",
			      parser.problem_mark.line + 1, parser.problem_mark.column + 1,
			      parser.problem ? parser.problem : "unreadable");
	}
	yaml_parser_delete(&parser);
	return ret;
}
