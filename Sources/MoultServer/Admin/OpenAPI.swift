/// The admin API as an OpenAPI 3.1 document, served at `/moult/v1/openapi.json`.
///
/// Kept by hand; `OpenAPITests` compares it with the routes and with what is really answered, both ways.
enum OpenAPI {
  static let document = #"""
    {
      "openapi": "3.1.0",
      "info": {
        "title": "Moult admin API",
        "version": "1",
        "description": "Collections, points, searches, generations, jobs and aliases. Every answer that a collection served names it and its generation in headers."
      },
      "security": [{"token": []}],
      "paths": {
        "/healthz": {
          "get": {
            "summary": "Whether the server answers; open to everyone",
            "responses": {
              "200": {
                "description": "It does",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Health"}}}
              },
              "default": {"$ref": "#/components/responses/Failure"}
            },
            "security": []
          }
        },
        "/metrics": {
          "get": {
            "summary": "Figures for Prometheus",
            "responses": {
              "200": {
                "description": "Text format 0.0.4",
                "content": {"text/plain": {"schema": {"type": "string"}}}
              },
              "default": {"$ref": "#/components/responses/Failure"}
            }
          }
        },
        "/moult/v1/openapi.json": {
          "get": {
            "summary": "This document",
            "responses": {
              "200": {
                "description": "OpenAPI 3.1",
                "content": {"application/json": {"schema": {"type": "object"}}}
              },
              "default": {"$ref": "#/components/responses/Failure"}
            }
          }
        },
        "/moult/v1/collections": {
          "get": {
            "summary": "List collections",
            "responses": {
              "200": {
                "description": "Sorted by name",
                "content": {
                  "application/json": {
                    "schema": {
                      "type": "object",
                      "properties": {
                        "collections": {"type": "array", "items": {"$ref": "#/components/schemas/CollectionInfo"}}
                      },
                      "required": ["collections"]
                    }
                  }
                }
              },
              "default": {"$ref": "#/components/responses/Failure"}
            }
          },
          "post": {
            "summary": "Create a collection",
            "requestBody": {
              "required": true,
              "content": {"application/json": {"schema": {"$ref": "#/components/schemas/CreateCollection"}}}
            },
            "responses": {
              "201": {
                "description": "Created",
                "headers": {
                  "moult-generation": {
                    "description": "The generation that answered.",
                    "schema": {"type": "integer", "format": "int64"}
                  },
                  "moult-collection": {"description": "The collection that answered.", "schema": {"type": "string"}}
                },
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/CollectionInfo"}}}
              },
              "default": {"$ref": "#/components/responses/Failure"}
            }
          }
        },
        "/moult/v1/collections/{name}": {
          "parameters": [{"name": "name", "in": "path", "required": true, "schema": {"type": "string"}}],
          "get": {
            "summary": "Describe a collection, by name or alias",
            "responses": {
              "200": {
                "description": "The collection",
                "headers": {
                  "moult-generation": {
                    "description": "The generation that answered.",
                    "schema": {"type": "integer", "format": "int64"}
                  },
                  "moult-collection": {"description": "The collection that answered.", "schema": {"type": "string"}}
                },
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/CollectionInfo"}}}
              },
              "default": {"$ref": "#/components/responses/Failure"}
            }
          },
          "delete": {
            "summary": "Drop a collection that no alias points to",
            "parameters": [
              {
                "name": "force",
                "in": "query",
                "schema": {"type": "boolean"},
                "description": "Also when its last reindex has failed, or an alias has moved from it to what is not proven to take its place."
              }
            ],
            "responses": {"204": {"description": "Dropped"}, "default": {"$ref": "#/components/responses/Failure"}}
          }
        },
        "/moult/v1/collections/{name}/fields": {
          "parameters": [{"name": "name", "in": "path", "required": true, "schema": {"type": "string"}}],
          "post": {
            "summary": "Add a vector field; points that are there have no vector in it yet",
            "requestBody": {
              "required": true,
              "content": {"application/json": {"schema": {"$ref": "#/components/schemas/VectorField"}}}
            },
            "responses": {
              "201": {
                "description": "The collection with the field",
                "headers": {
                  "moult-generation": {
                    "description": "The generation that answered.",
                    "schema": {"type": "integer", "format": "int64"}
                  },
                  "moult-collection": {"description": "The collection that answered.", "schema": {"type": "string"}}
                },
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/CollectionInfo"}}}
              },
              "default": {"$ref": "#/components/responses/Failure"}
            }
          }
        },
        "/moult/v1/collections/{name}/fields/{field}": {
          "parameters": [
            {"name": "name", "in": "path", "required": true, "schema": {"type": "string"}},
            {"name": "field", "in": "path", "required": true, "schema": {"type": "string"}}
          ],
          "delete": {
            "summary": "Drop a vector field with its vectors, codes and indexes, or a sparse vector of texts; the default stays. In place of the first one comes a placeholder",
            "parameters": [
              {
                "name": "force",
                "in": "query",
                "schema": {"type": "boolean"},
                "description": "Also while a model fills another field of the collection, or when what took its place as the default is not proven."
              }
            ],
            "responses": {"204": {"description": "Dropped"}, "default": {"$ref": "#/components/responses/Failure"}}
          }
        },
        "/moult/v1/collections/{name}/points": {
          "parameters": [{"name": "name", "in": "path", "required": true, "schema": {"type": "string"}}],
          "get": {
            "summary": "Read points in the order of their ids",
            "parameters": [
              {
                "name": "after",
                "in": "query",
                "schema": {"type": "string"},
                "description": "The last id of the page before."
              },
              {
                "name": "limit",
                "in": "query",
                "schema": {"type": "integer"},
                "description": "1 … 10000; a page of large vectors is shorter."
              },
              {
                "name": "vectors",
                "in": "query",
                "schema": {"type": "boolean"},
                "description": "true without."
              },
              {
                "name": "payload",
                "in": "query",
                "schema": {"type": "boolean"},
                "description": "true without."
              }
            ],
            "responses": {
              "200": {
                "description": "One page; an empty one is the end",
                "headers": {
                  "moult-generation": {
                    "description": "The generation that answered.",
                    "schema": {"type": "integer", "format": "int64"}
                  },
                  "moult-collection": {"description": "The collection that answered.", "schema": {"type": "string"}}
                },
                "content": {
                  "application/vnd.moult.points": {"schema": {"type": "string", "format": "binary"}},
                  "application/json": {"schema": {"$ref": "#/components/schemas/Points"}}
                }
              },
              "default": {"$ref": "#/components/responses/Failure"}
            }
          },
          "post": {
            "summary": "Write points: durable and searchable when answered",
            "parameters": [
              {
                "name": "mode",
                "in": "query",
                "schema": {"type": "string", "enum": ["upsert", "insert"]},
                "description": "upsert without; insert refuses ids that are stored."
              },
              {
                "name": "model",
                "in": "query",
                "schema": {"type": "string"},
                "description": "What made the vectors: refused where the collection's are of another model."
              }
            ],
            "requestBody": {
              "required": true,
              "content": {
                "application/vnd.moult.points": {"schema": {"type": "string", "format": "binary"}},
                "application/json": {"schema": {"$ref": "#/components/schemas/Points"}}
              }
            },
            "responses": {
              "200": {
                "description": "Written",
                "headers": {
                  "moult-generation": {
                    "description": "The generation that answered.",
                    "schema": {"type": "integer", "format": "int64"}
                  },
                  "moult-collection": {"description": "The collection that answered.", "schema": {"type": "string"}}
                },
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/WriteResult"}}}
              },
              "default": {"$ref": "#/components/responses/Failure"}
            }
          }
        },
        "/moult/v1/collections/{name}/points/delete": {
          "parameters": [{"name": "name", "in": "path", "required": true, "schema": {"type": "string"}}],
          "post": {
            "summary": "Delete points by id",
            "requestBody": {
              "required": true,
              "content": {"application/json": {"schema": {"$ref": "#/components/schemas/DeletePoints"}}}
            },
            "responses": {
              "200": {
                "description": "The ids that were deleted",
                "headers": {
                  "moult-generation": {
                    "description": "The generation that answered.",
                    "schema": {"type": "integer", "format": "int64"}
                  },
                  "moult-collection": {"description": "The collection that answered.", "schema": {"type": "string"}}
                },
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/WriteResult"}}}
              },
              "default": {"$ref": "#/components/responses/Failure"}
            }
          }
        },
        "/moult/v1/collections/{name}/search": {
          "parameters": [{"name": "name", "in": "path", "required": true, "schema": {"type": "string"}}],
          "post": {
            "summary": "Find the nearest points of each query",
            "parameters": [
              {"name": "dimension", "in": "query", "schema": {"type": "integer"}, "description": "Entries of each query; required with a binary body."},
              {"name": "limit", "in": "query", "schema": {"type": "integer"}},
              {"name": "offset", "in": "query", "schema": {"type": "integer"}},
              {"name": "ef", "in": "query", "schema": {"type": "integer"}},
              {"name": "probes", "in": "query", "schema": {"type": "integer"}},
              {"name": "exact", "in": "query", "schema": {"type": "boolean"}},
              {"name": "oversampling", "in": "query", "schema": {"type": "number"}},
              {"name": "payload", "in": "query", "schema": {"type": "boolean"}},
              {"name": "vectors", "in": "query", "schema": {"type": "boolean"}},
              {"name": "allowPartial", "in": "query", "schema": {"type": "boolean"}}
            ],
            "requestBody": {
              "required": true,
              "content": {
                "application/json": {"schema": {"$ref": "#/components/schemas/Search"}},
                "application/octet-stream": {
                  "schema": {
                    "type": "string",
                    "format": "binary",
                    "description": "Queries as little-endian float32, row after row; everything else as parameters."
                  }
                }
              }
            },
            "responses": {
              "200": {
                "description": "Hits, best first",
                "headers": {
                  "moult-generation": {
                    "description": "The generation that answered.",
                    "schema": {"type": "integer", "format": "int64"}
                  },
                  "moult-collection": {"description": "The collection that answered.", "schema": {"type": "string"}}
                },
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/SearchResponse"}}}
              },
              "default": {"$ref": "#/components/responses/Failure"}
            }
          }
        },
        "/moult/v1/collections/{name}/status": {
          "parameters": [{"name": "name", "in": "path", "required": true, "schema": {"type": "string"}}],
          "get": {
            "summary": "What answers, and the jobs that change it",
            "responses": {
              "200": {
                "description": "The collection and its jobs that have not ended",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/CollectionStatus"}}}
              },
              "default": {"$ref": "#/components/responses/Failure"}
            }
          }
        },
        "/moult/v1/collections/{name}/generations": {
          "parameters": [{"name": "name", "in": "path", "required": true, "schema": {"type": "string"}}],
          "get": {
            "summary": "List generations, newest first",
            "responses": {
              "200": {
                "description": "Live, retained and building ones",
                "content": {
                  "application/json": {
                    "schema": {
                      "type": "object",
                      "properties": {
                        "generations": {"type": "array", "items": {"$ref": "#/components/schemas/GenerationInfo"}}
                      },
                      "required": ["generations"]
                    }
                  }
                }
              },
              "default": {"$ref": "#/components/responses/Failure"}
            }
          }
        },
        "/moult/v1/collections/{name}/switch": {
          "parameters": [{"name": "name", "in": "path", "required": true, "schema": {"type": "string"}}],
          "post": {
            "summary": "Give a live collection another quantization, dimensions, transform or index",
            "requestBody": {
              "required": true,
              "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Switch"}}}
            },
            "responses": {
              "202": {
                "description": "The job that does it",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/JobInfo"}}}
              },
              "default": {"$ref": "#/components/responses/Failure"}
            }
          }
        },
        "/moult/v1/collections/{name}/switch/plan": {
          "parameters": [{"name": "name", "in": "path", "required": true, "schema": {"type": "string"}}],
          "post": {
            "summary": "What a switch would take: rows, bytes, disk, memory, seconds; starts nothing",
            "requestBody": {
              "required": true,
              "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Switch"}}}
            },
            "responses": {
              "200": {
                "description": "The bill",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/SwitchPlan"}}}
              },
              "default": {"$ref": "#/components/responses/Failure"}
            }
          }
        },
        "/moult/v1/collections/{name}/rollback": {
          "parameters": [{"name": "name", "in": "path", "required": true, "schema": {"type": "string"}}],
          "post": {
            "summary": "Undo the newest change of what answers: the previous generation is live again, or the alias that a reindex or re-embedding moved stands for the collection before",
            "requestBody": {
              "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Rollback"}}}
            },
            "responses": {
              "200": {
                "description": "The generation that is live now",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/GenerationInfo"}}}
              },
              "default": {"$ref": "#/components/responses/Failure"}
            }
          }
        },
        "/moult/v1/reindex": {
          "post": {
            "summary": "Copy a collection into a new one of another form, then move an alias",
            "requestBody": {
              "required": true,
              "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Reindex"}}}
            },
            "responses": {
              "202": {
                "description": "The job that does it",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/JobInfo"}}}
              },
              "default": {"$ref": "#/components/responses/Failure"}
            }
          }
        },
        "/moult/v1/reindex/plan": {
          "post": {
            "summary": "What a reindex would take; starts nothing",
            "requestBody": {
              "required": true,
              "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Reindex"}}}
            },
            "responses": {
              "200": {
                "description": "The bill",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/SwitchPlan"}}}
              },
              "default": {"$ref": "#/components/responses/Failure"}
            }
          }
        },
        "/moult/v1/reembed": {
          "post": {
            "summary": "Copy a collection into a new one whose vectors another model makes of the stored text, then move an alias",
            "requestBody": {
              "required": true,
              "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Reembed"}}}
            },
            "responses": {
              "202": {
                "description": "The job that does it",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/JobInfo"}}}
              },
              "default": {"$ref": "#/components/responses/Failure"}
            }
          }
        },
        "/moult/v1/reembed/plan": {
          "post": {
            "summary": "What a re-embedding would take; starts nothing and asks no model",
            "requestBody": {
              "required": true,
              "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Reembed"}}}
            },
            "responses": {
              "200": {
                "description": "The bill",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/EmbeddingPlan"}}}
              },
              "default": {"$ref": "#/components/responses/Failure"}
            }
          }
        },
        "/moult/v1/collections/{name}/default": {
          "parameters": [{"name": "name", "in": "path", "required": true, "schema": {"type": "string"}}],
          "put": {
            "summary": "Let another vector field be searched where a search names none, from one request to the next",
            "requestBody": {
              "required": true,
              "content": {
                "application/json": {
                  "schema": {
                    "type": "object",
                    "properties": {
                      "field": {"type": "string", "description": "The first field is the default of a new collection."},
                      "allowPartial": {"type": "boolean", "description": "Also one that is still being filled."}
                    },
                    "required": ["field"],
                    "additionalProperties": false
                  }
                }
              }
            },
            "responses": {
              "200": {
                "description": "The collection",
                "headers": {
                  "moult-generation": {
                    "description": "The generation that answered.",
                    "schema": {"type": "integer", "format": "int64"}
                  },
                  "moult-collection": {"description": "The collection that answered.", "schema": {"type": "string"}}
                },
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/CollectionInfo"}}}
              },
              "default": {"$ref": "#/components/responses/Failure"}
            }
          }
        },
        "/moult/v1/collections/{name}/bulk": {
          "parameters": [{"name": "name", "in": "path", "required": true, "schema": {"type": "string"}}],
          "put": {
            "summary": "Let indexes and merges wait while much is written; ends by itself",
            "requestBody": {
              "required": true,
              "content": {
                "application/json": {
                  "schema": {
                    "type": "object",
                    "properties": {"seconds": {"type": "number", "description": "Above 0, up to 86400; begun again, it lasts so long from then."}},
                    "required": ["seconds"],
                    "additionalProperties": false
                  }
                }
              }
            },
            "responses": {"204": {"description": "Begun"}, "default": {"$ref": "#/components/responses/Failure"}}
          },
          "delete": {
            "summary": "End it: indexes and merges that are due begin",
            "responses": {"204": {"description": "Ended"}, "default": {"$ref": "#/components/responses/Failure"}}
          }
        },
        "/moult/v1/compare": {
          "post": {
            "summary": "Ask two collections or vector fields the same queries and say how their answers differ",
            "requestBody": {
              "required": true,
              "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ComparisonRequest"}}}
            },
            "responses": {
              "200": {
                "description": "What each finds, what both have in common, and how long it takes",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Comparison"}}}
              },
              "default": {"$ref": "#/components/responses/Failure"}
            }
          }
        },
        "/moult/v1/embedders": {
          "get": {
            "summary": "List what makes vectors of texts",
            "responses": {
              "200": {
                "description": "Sorted by name; keys are in none of them",
                "content": {
                  "application/json": {
                    "schema": {
                      "type": "object",
                      "properties": {
                        "embedders": {"type": "array", "items": {"$ref": "#/components/schemas/Embedder"}}
                      },
                      "required": ["embedders"]
                    }
                  }
                }
              },
              "default": {"$ref": "#/components/responses/Failure"}
            }
          },
          "post": {
            "summary": "Add one: an endpoint that speaks OpenAI's /v1/embeddings, or a file of vectors by id",
            "requestBody": {
              "required": true,
              "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Embedder"}}}
            },
            "responses": {
              "201": {
                "description": "As it was added",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Embedder"}}}
              },
              "default": {"$ref": "#/components/responses/Failure"}
            }
          }
        },
        "/moult/v1/embedders/{embedder}": {
          "parameters": [{"name": "embedder", "in": "path", "required": true, "schema": {"type": "string"}}],
          "delete": {
            "summary": "Remove one that no collection and no job uses",
            "responses": {"204": {"description": "Removed"}, "default": {"$ref": "#/components/responses/Failure"}}
          }
        },
        "/moult/v1/collections/{name}/embedder": {
          "parameters": [{"name": "name", "in": "path", "required": true, "schema": {"type": "string"}}],
          "put": {
            "summary": "Say which model made the vectors of a collection, so that it can be searched with texts",
            "requestBody": {
              "required": true,
              "content": {
                "application/json": {
                  "schema": {
                    "type": "object",
                    "properties": {"embedder": {"type": "string", "description": "Absent or null for none."}},
                    "additionalProperties": false
                  }
                }
              }
            },
            "responses": {"204": {"description": "Done"}, "default": {"$ref": "#/components/responses/Failure"}}
          }
        },
        "/moult/v1/jobs": {
          "get": {
            "summary": "List jobs, newest first",
            "parameters": [
              {
                "name": "state",
                "in": "query",
                "schema": {
                  "type": "string",
                  "enum": ["available", "running", "retrying", "held", "paused", "completed", "failed", "cancelled"]
                }
              },
              {
                "name": "subject",
                "in": "query",
                "schema": {"type": "string"},
                "description": "A collection."
              },
              {
                "name": "limit",
                "in": "query",
                "schema": {"type": "integer"},
                "description": "1 … 10000; 100 without."
              }
            ],
            "responses": {
              "200": {
                "description": "Jobs",
                "content": {
                  "application/json": {
                    "schema": {
                      "type": "object",
                      "properties": {"jobs": {"type": "array", "items": {"$ref": "#/components/schemas/JobInfo"}}},
                      "required": ["jobs"]
                    }
                  }
                }
              },
              "default": {"$ref": "#/components/responses/Failure"}
            }
          }
        },
        "/moult/v1/jobs/{id}": {
          "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "integer", "format": "int64"}}],
          "get": {
            "summary": "Show a job",
            "parameters": [
              {
                "name": "wait",
                "in": "query",
                "schema": {"type": "integer"},
                "description": "Answer when the job has changed, after so many seconds at the latest (0 … 30)."
              }
            ],
            "responses": {
              "200": {
                "description": "The job",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/JobInfo"}}}
              },
              "default": {"$ref": "#/components/responses/Failure"}
            }
          }
        },
        "/moult/v1/jobs/{id}/status": {
          "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "integer", "format": "int64"}}],
          "get": {
            "summary": "How a job stands at this moment, with what is measured while it is asked",
            "responses": {
              "200": {
                "description": "The job, its lag, gate, memory and effect on searches",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/JobStatus"}}}
              },
              "default": {"$ref": "#/components/responses/Failure"}
            }
          }
        },
        "/moult/v1/jobs/{id}/throttle": {
          "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "integer", "format": "int64"}}],
          "post": {
            "summary": "Change the limits of a switch or reindex, also while it runs",
            "requestBody": {
              "required": true,
              "content": {"application/json": {"schema": {"$ref": "#/components/schemas/JobLimitsChange"}}}
            },
            "responses": {
              "200": {
                "description": "The job; it obeys within a second",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/JobInfo"}}}
              },
              "default": {"$ref": "#/components/responses/Failure"}
            }
          }
        },
        "/moult/v1/jobs/{id}/cancel": {
          "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "integer", "format": "int64"}}],
          "post": {
            "summary": "Cancel a job",
            "responses": {
              "200": {
                "description": "The job; a running one stops at its next step",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/JobInfo"}}}
              },
              "default": {"$ref": "#/components/responses/Failure"}
            }
          }
        },
        "/moult/v1/jobs/{id}/pause": {
          "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "integer", "format": "int64"}}],
          "post": {
            "summary": "Lay a job aside",
            "responses": {
              "200": {
                "description": "The job; a running one stops at its next step, with what it has done",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/JobInfo"}}}
              },
              "default": {"$ref": "#/components/responses/Failure"}
            }
          }
        },
        "/moult/v1/jobs/{id}/resume": {
          "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "integer", "format": "int64"}}],
          "post": {
            "summary": "Let a paused job go on",
            "responses": {
              "200": {
                "description": "The job",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/JobInfo"}}}
              },
              "default": {"$ref": "#/components/responses/Failure"}
            }
          }
        },
        "/moult/v1/jobs/{id}/priority": {
          "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "integer", "format": "int64"}}],
          "post": {
            "summary": "Move a job before or behind others that wait",
            "requestBody": {
              "required": true,
              "content": {"application/json": {"schema": {"$ref": "#/components/schemas/JobPriority"}}}
            },
            "responses": {
              "200": {
                "description": "The job",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/JobInfo"}}}
              },
              "default": {"$ref": "#/components/responses/Failure"}
            }
          }
        },
        "/moult/v1/jobs/{id}/hold": {
          "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "integer", "format": "int64"}}],
          "post": {
            "summary": "Put off the moment at which a switch or reindex goes live, or bring it forward",
            "requestBody": {
              "required": true,
              "content": {"application/json": {"schema": {"$ref": "#/components/schemas/HoldJob"}}}
            },
            "responses": {
              "200": {
                "description": "The job",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/JobInfo"}}}
              },
              "default": {"$ref": "#/components/responses/Failure"}
            }
          }
        },
        "/moult/v1/jobs/{id}/release": {
          "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "integer", "format": "int64"}}],
          "post": {
            "summary": "Let a held job go live now",
            "responses": {
              "200": {
                "description": "The job",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/JobInfo"}}}
              },
              "default": {"$ref": "#/components/responses/Failure"}
            }
          }
        },
        "/moult/v1/jobs/{id}/retry": {
          "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "integer", "format": "int64"}}],
          "post": {
            "summary": "Run a failed or cancelled job again, from its checkpoint",
            "responses": {
              "200": {
                "description": "The job",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/JobInfo"}}}
              },
              "default": {"$ref": "#/components/responses/Failure"}
            }
          }
        },
        "/moult/v1/history": {
          "get": {
            "summary": "List changes of aliases and generations, newest first",
            "parameters": [
              {"name": "name", "in": "query", "schema": {"type": "string"}, "description": "An alias or a collection."},
              {
                "name": "before",
                "in": "query",
                "schema": {"type": "integer", "format": "int64"},
                "description": "Only those with a lower id, to read on."
              },
              {"name": "limit", "in": "query", "schema": {"type": "integer"}, "description": "1 … 10000; 100 without."}
            ],
            "responses": {
              "200": {
                "description": "Who, what, when, before and after",
                "content": {
                  "application/json": {
                    "schema": {
                      "type": "object",
                      "properties": {
                        "history": {"type": "array", "items": {"$ref": "#/components/schemas/HistoryEntry"}}
                      },
                      "required": ["history"]
                    }
                  }
                }
              },
              "default": {"$ref": "#/components/responses/Failure"}
            }
          }
        },
        "/moult/v1/backup": {
          "get": {
            "summary": "Copy collections with their aliases and generations, as they are now, while all goes on",
            "description": "A tar archive with checksums. One that is cut off, or ends with the entry MOULT-FAILED, is none.",
            "parameters": [
              {
                "name": "collections",
                "in": "query",
                "schema": {"type": "string"},
                "description": "Names of collections or aliases, with commas between them; without, all."
              }
            ],
            "responses": {
              "200": {
                "description": "The backup; the header moult-backup-bytes says about how much comes",
                "content": {"application/x-tar": {"schema": {"type": "string", "format": "binary"}}}
              },
              "default": {"$ref": "#/components/responses/Failure"}
            }
          }
        },
        "/moult/v1/restore": {
          "post": {
            "summary": "Put collections of a backup in: all of them in one instant, or nothing",
            "description": "The body may be of any length if its length is not announced (transfer-encoding: chunked).",
            "parameters": [
              {
                "name": "only",
                "in": "query",
                "schema": {"type": "string"},
                "description": "Only this collection of the backup, with its aliases."
              },
              {
                "name": "as",
                "in": "query",
                "schema": {"type": "string"},
                "description": "Another name for the one collection, which comes without aliases then."
              },
              {
                "name": "ifExists",
                "in": "query",
                "schema": {"type": "string", "enum": ["fail", "replace"], "default": "fail"},
                "description": "What becomes of collections and aliases that are here already."
              }
            ],
            "requestBody": {
              "required": true,
              "content": {"application/x-tar": {"schema": {"type": "string", "format": "binary"}}}
            },
            "responses": {
              "200": {
                "description": "What was restored",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/RestoreReport"}}}
              },
              "default": {"$ref": "#/components/responses/Failure"}
            }
          }
        },
        "/moult/v1/aliases": {
          "get": {
            "summary": "List aliases",
            "parameters": [
              {
                "name": "collection",
                "in": "query",
                "schema": {"type": "string"},
                "description": "Only those of this collection."
              }
            ],
            "responses": {
              "200": {
                "description": "Sorted by alias",
                "content": {
                  "application/json": {
                    "schema": {
                      "type": "object",
                      "properties": {"aliases": {"type": "array", "items": {"$ref": "#/components/schemas/Alias"}}},
                      "required": ["aliases"]
                    }
                  }
                }
              },
              "default": {"$ref": "#/components/responses/Failure"}
            }
          },
          "post": {
            "summary": "Create an alias",
            "requestBody": {
              "required": true,
              "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Alias"}}}
            },
            "responses": {
              "201": {
                "description": "It points to the collection",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Alias"}}}
              },
              "default": {"$ref": "#/components/responses/Failure"}
            }
          },
          "patch": {
            "summary": "Change several aliases in one commit: all actions in order, or none",
            "requestBody": {
              "required": true,
              "content": {
                "application/json": {
                  "schema": {
                    "type": "object",
                    "properties": {
                      "actions": {
                        "type": "array",
                        "minItems": 1,
                        "maxItems": 1000,
                        "items": {"$ref": "#/components/schemas/AliasAction"}
                      }
                    },
                    "required": ["actions"]
                  }
                }
              }
            },
            "responses": {
              "200": {
                "description": "What became of which alias, in order; what was so already is left out",
                "content": {
                  "application/json": {
                    "schema": {
                      "type": "object",
                      "properties": {
                        "changes": {"type": "array", "items": {"$ref": "#/components/schemas/AliasChange"}}
                      },
                      "required": ["changes"]
                    }
                  }
                }
              },
              "default": {"$ref": "#/components/responses/Failure"}
            }
          }
        },
        "/moult/v1/aliases/{alias}": {
          "parameters": [{"name": "alias", "in": "path", "required": true, "schema": {"type": "string"}}],
          "get": {
            "summary": "Show where an alias points",
            "responses": {
              "200": {
                "description": "The alias",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Alias"}}}
              },
              "default": {"$ref": "#/components/responses/Failure"}
            }
          },
          "put": {
            "summary": "Move an alias to another collection, atomically",
            "requestBody": {
              "required": true,
              "content": {"application/json": {"schema": {"$ref": "#/components/schemas/AlterAlias"}}}
            },
            "responses": {
              "200": {
                "description": "The alias",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Alias"}}}
              },
              "default": {"$ref": "#/components/responses/Failure"}
            }
          },
          "delete": {
            "summary": "Drop an alias",
            "parameters": [
              {
                "name": "ifCurrent",
                "in": "query",
                "schema": {"type": "string"},
                "description": "Only if it points to this collection now; else 409."
              }
            ],
            "responses": {"204": {"description": "Dropped"}, "default": {"$ref": "#/components/responses/Failure"}}
          }
        }
      },
      "components": {
        "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        "responses": {
          "Failure": {
            "description": "What was wrong; nothing was changed. 401: no token or an unknown one. 403: the token only allows reading. 413: the body is too long. 429 and 503, with Retry-After: too much is under way. 504: the time of the request (header Request-Timeout, seconds) ran out.",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
          }
        },
        "schemas": {
          "Error": {
            "type": "object",
            "properties": {
              "error": {
                "type": "object",
                "properties": {
                  "code": {"type": "string", "description": "A stable word, such as dimensionMismatch."},
                  "message": {"type": "string", "description": "What was expected, what came, where."}
                },
                "required": ["code", "message"]
              }
            },
            "required": ["error"]
          },
          "Health": {
            "type": "object",
            "properties": {"status": {"type": "string", "enum": ["ok"]}, "version": {"type": "string"}},
            "required": ["status", "version"]
          },
          "PointID": {
            "oneOf": [{"type": "integer", "format": "int64"}, {"type": "string"}],
            "description": "A primary key: a number or a string, as the collection's keyKind says; mixed takes both."
          },
          "CollectionSchema": {
            "type": "object",
            "properties": {
              "dimension": {"type": "integer", "description": "1 … 32768"},
              "metric": {"type": "string", "enum": ["cosine", "ip", "l2"]},
              "keyKind": {"type": "string", "enum": ["int64", "string", "mixed"]},
              "automaticKeys": {"type": "boolean", "description": "Whether the server gives out the keys."},
              "keyField": {"type": "string"},
              "vectorField": {"type": "string", "description": "The first vector field; _none (of dimension 1) where points have vectors of the others only."},
              "elementType": {"type": "string", "enum": ["float32", "float16"]},
              "summary": {"type": "string"},
              "textVectors": {
                "type": "object",
                "description": "Sparse vectors that the server makes of texts; absent for a collection that never had any.",
                "properties": {
                  "made": {"type": "integer"},
                  "vectors": {"type": "array", "items": {"$ref": "#/components/schemas/TextVector"}}
                },
                "required": ["made", "vectors"]
              },
              "searchField": {"type": "string", "description": "The vector field that is searched where none is named; absent for the first one."},
              "isPartial": {"type": "boolean", "description": "Of a vector field that was added to points: true until all of them have had a vector in it; absent for all others."}
            },
            "required": [
              "dimension",
              "metric",
              "keyKind",
              "automaticKeys",
              "keyField",
              "vectorField",
              "elementType",
              "summary"
            ]
          },
          "TextVector": {
            "type": "object",
            "properties": {
              "name": {"type": "string"},
              "member": {"type": "string", "description": "Of stored payloads; answers leave it out."},
              "template": {"type": "string"},
              "fillsMissing": {"type": "boolean"},
              "weights": {
                "type": "object",
                "properties": {"k": {"type": "number"}, "b": {"type": "number"}, "averageLength": {"type": "number"}},
                "required": ["k", "b", "averageLength"]
              },
              "isFilled": {"type": "boolean", "description": "Whether all points that were there at the beginning have theirs."}
            },
            "required": ["name", "member", "template", "fillsMissing", "weights", "isFilled"]
          },
          "IndexSpecification": {
            "oneOf": [
              {"type": "string", "enum": ["flat", "hnsw", "ivf", "auto"]},
              {
                "type": "object",
                "properties": {"flat": {"type": "object", "properties": {}}},
                "required": ["flat"]
              },
              {
                "type": "object",
                "properties": {"auto": {"type": "object", "properties": {}}},
                "required": ["auto"]
              },
              {
                "type": "object",
                "properties": {
                  "ivf": {
                    "type": "object",
                    "properties": {
                      "lists": {
                        "type": "integer", "minimum": 1, "maximum": 65536,
                        "description": "Lists of a segment; without, 4·√rows."
                      }
                    }
                  }
                },
                "required": ["ivf"]
              },
              {
                "type": "object",
                "properties": {
                  "hnsw": {
                    "type": "object",
                    "properties": {"m": {"type": "integer"}, "efConstruction": {"type": "integer"}}
                  }
                },
                "required": ["hnsw"]
              }
            ],
            "description": "flat scores every code, hnsw is a graph, ivf an inverted file, auto a graph for segments of 10000 rows or more and flat below. In answers always an object."
          },
          "EncodingSpecification": {
            "type": "object",
            "properties": {
              "quantization": {
                "type": "string",
                "enum": [
                  "none", "float16", "bfloat16", "int8", "int4", "binary", "lloyd1", "lloyd2", "lloyd3", "lloyd4",
                  "lloyd5", "segmented", "qdrant-int8", "qdrant-binary", "rabitq1", "rabitq2", "rabitq3",
                  "rabitq4", "osq1", "osq4"
                ]
              },
              "bits": {
                "type": "number", "minimum": 0.25, "maximum": 8,
                "description": "Average bits a dimension of segmented codes; 4 without."
              },
              "quantile": {
                "type": "number", "minimum": 0.5, "maximum": 1,
                "description": "Part of the values that int8 codes cover; all without."
              },
              "dimensions": {"type": "integer", "description": "Dimensions that are kept; all without."},
              "transform": {"type": "string", "enum": ["none", "prefix", "pca"]},
              "index": {"$ref": "#/components/schemas/IndexSpecification"},
              "oversampling": {
                "type": "number",
                "description": "Candidates per hit that are rescored with full precision; 1 is no rescoring."
              },
              "targetRecall": {
                "type": "number", "minimum": 0.5, "exclusiveMaximum": 1,
                "description": "Recall that searches shall reach, instead of an oversampling: a switch or reindex calibrates rescoring for it on one half of the gate's queries and measures on the other half."
              }
            }
          },
          "RescoringPolicy": {
            "type": "object",
            "description": "What calibration for a target of recall came to. Candidates are rescored in the order of estimate + z standard errors, until that is below the last hit's score.",
            "properties": {
              "targetRecall": {"type": "number"},
              "z": {"type": "number", "description": "Absent where every candidate is rescored."},
              "errorFloor": {
                "type": "number",
                "description": "Error of the scores that the codes' own standard errors do not account for."
              },
              "candidates": {"type": "integer", "description": "Fetched for k hits or fewer."},
              "k": {"type": "integer"},
              "expectedRecall": {"$ref": "#/components/schemas/MeasuredRecall"},
              "meanEvaluations": {"type": "number", "description": "Candidates that a query rescores."}
            },
            "required": ["targetRecall", "errorFloor", "candidates", "k", "expectedRecall", "meanEvaluations"]
          },
          "MeasuredRecall": {
            "type": "object",
            "description": "A share with its 95 % confidence interval.",
            "properties": {
              "mean": {"type": "number"},
              "lower": {"type": "number"},
              "upper": {"type": "number"},
              "queryCount": {"type": "integer"},
              "k": {"type": "integer"}
            },
            "required": ["mean", "lower", "upper", "queryCount", "k"]
          },
          "RecallDifference": {
            "type": "object",
            "description": "Recall after minus before on the same queries, with its 95 % confidence interval.",
            "properties": {
              "mean": {"type": "number"},
              "lower": {"type": "number"},
              "upper": {"type": "number"},
              "queryCount": {"type": "integer"}
            },
            "required": ["mean", "lower", "upper", "queryCount"]
          },
          "SwitchReport": {
            "type": "object",
            "properties": {
              "querySource": {"type": "string", "enum": ["given", "recentSearches", "perturbedDocuments", "none"]},
              "recallBefore": {"$ref": "#/components/schemas/MeasuredRecall"},
              "recallAfter": {"$ref": "#/components/schemas/MeasuredRecall"},
              "recallDifference": {"$ref": "#/components/schemas/RecallDifference"},
              "recallFlat": {"$ref": "#/components/schemas/MeasuredRecall"},
              "recallWithoutRescoring": {"$ref": "#/components/schemas/MeasuredRecall"},
              "rescoring": {"$ref": "#/components/schemas/RescoringPolicy"},
              "minimumRecall": {"type": "number"},
              "maximumLoss": {"type": "number"},
              "rows": {"type": "integer"},
              "bytesPerVectorBefore": {"type": "integer"},
              "bytesPerVectorAfter": {"type": "integer"},
              "trainSeconds": {"type": "number"},
              "encodeSeconds": {"type": "number"},
              "indexSeconds": {"type": "number"},
              "verifySeconds": {"type": "number"},
              "writersPausedSeconds": {"type": "number"},
              "totalSeconds": {"type": "number"},
              "graph": {
                "type": "object",
                "description": "What became of the indexes, why, and what it cost.",
                "properties": {
                  "kind": {"type": "string", "enum": ["kept", "refined", "rebuilt", "built"]},
                  "index": {"type": "string", "description": "hnsw, ivf or both, with a comma."},
                  "reason": {"type": "string"},
                  "seconds": {"type": "number"}
                },
                "required": ["kind", "reason", "seconds"]
              },
              "trainingRows": {"type": "integer"},
              "notes": {"type": "array", "items": {"type": "string"}}
            }
          },
          "GenerationInfo": {
            "type": "object",
            "properties": {
              "id": {"type": "integer", "format": "int64"},
              "state": {"type": "string", "enum": ["building", "live", "retained"]},
              "specification": {"$ref": "#/components/schemas/EncodingSpecification"},
              "bytesPerVector": {"type": "integer"},
              "createdAt": {"type": "integer", "format": "int64", "description": "Milliseconds since 1970."},
              "publishedAt": {"type": "integer", "format": "int64"},
              "report": {"$ref": "#/components/schemas/SwitchReport"}
            },
            "required": ["id", "state", "specification", "bytesPerVector", "createdAt"]
          },
          "CollectionInfo": {
            "type": "object",
            "properties": {
              "name": {"type": "string"},
              "id": {"type": "integer", "format": "int64"},
              "schema": {"$ref": "#/components/schemas/CollectionSchema"},
              "count": {"type": "integer"},
              "aliases": {"type": "array", "items": {"type": "string"}},
              "generation": {"$ref": "#/components/schemas/GenerationInfo"},
              "previousGeneration": {"$ref": "#/components/schemas/GenerationInfo"},
              "createdAt": {"type": "integer", "format": "int64"},
              "updatedAt": {"type": "integer", "format": "int64"},
              "ready": {"type": "boolean"},
              "fields": {
                "type": "array",
                "items": {"$ref": "#/components/schemas/VectorFieldInfo"},
                "description": "Vector fields beside the schema's own. One is addressed as collection:field."
              }
            },
            "required": [
              "name", "id", "schema", "count", "aliases", "generation", "createdAt", "updatedAt", "ready", "fields"
            ]
          },
          "VectorFieldInfo": {
            "type": "object",
            "properties": {
              "name": {"type": "string"},
              "dimension": {"type": "integer"},
              "metric": {"type": "string", "enum": ["cosine", "ip", "l2"]},
              "elementType": {"type": "string", "enum": ["float32", "float16"]},
              "count": {"type": "integer", "description": "Live points that have a vector in this field."},
              "generation": {"$ref": "#/components/schemas/GenerationInfo"},
              "previousGeneration": {"$ref": "#/components/schemas/GenerationInfo"}
            },
            "required": ["name", "dimension", "metric", "elementType", "count", "generation"]
          },
          "VectorField": {
            "type": "object",
            "properties": {
              "name": {"type": "string"},
              "dimension": {"type": "integer"},
              "metric": {"type": "string", "enum": ["cosine", "ip", "l2"]},
              "elementType": {"type": "string", "enum": ["float32", "float16"]}
            },
            "required": ["name", "dimension"],
            "additionalProperties": false
          },
          "CreateCollection": {
            "type": "object",
            "properties": {
              "name": {"type": "string"},
              "dimension": {"type": "integer"},
              "metric": {"type": "string", "enum": ["cosine", "ip", "l2"]},
              "keyKind": {"type": "string", "enum": ["int64", "string", "mixed"]},
              "automaticKeys": {"type": "boolean"},
              "keyField": {"type": "string"},
              "vectorField": {"type": "string"},
              "elementType": {"type": "string", "enum": ["float32", "float16"]},
              "summary": {"type": "string"},
              "specification": {"$ref": "#/components/schemas/EncodingSpecification"},
              "fields": {"type": "array", "items": {"$ref": "#/components/schemas/VectorField"}}
            },
            "required": ["name", "dimension"],
            "additionalProperties": false
          },
          "Point": {
            "type": "object",
            "properties": {
              "id": {"$ref": "#/components/schemas/PointID"},
              "vector": {
                "type": "array",
                "items": {"type": "number", "format": "float"},
                "description": "Of the first vector field, where the collection has one."
              },
              "payload": {"type": "object", "description": "Kept byte for byte."},
              "fields": {
                "type": "object",
                "description": "Vectors of the fields beside the first, by field.",
                "additionalProperties": {"type": "array", "items": {"type": "number", "format": "float"}}
              }
            },
            "required": ["id"]
          },
          "Points": {
            "type": "object",
            "properties": {"points": {"type": "array", "items": {"$ref": "#/components/schemas/Point"}}},
            "required": ["points"]
          },
          "DeletePoints": {
            "type": "object",
            "properties": {"ids": {"type": "array", "items": {"$ref": "#/components/schemas/PointID"}}},
            "required": ["ids"],
            "additionalProperties": false
          },
          "WriteResult": {
            "type": "object",
            "properties": {
              "count": {"type": "integer"},
              "ids": {"type": "array", "items": {"$ref": "#/components/schemas/PointID"}}
            },
            "required": ["count", "ids"]
          },
          "Search": {
            "type": "object",
            "properties": {
              "queries": {
                "oneOf": [
                  {
                    "type": "array",
                    "items": {"type": "array", "items": {"type": "number", "format": "float"}}
                  },
                  {
                    "type": "object",
                    "properties": {
                      "dimension": {"type": "integer"},
                      "base64": {"type": "string", "description": "little-endian float32, row after row"}
                    },
                    "required": ["dimension", "base64"]
                  }
                ]
              },
              "texts": {
                "type": "array",
                "items": {"type": "string"},
                "description": "In place of queries: the model that made the collection's vectors makes theirs. 64 at most."
              },
              "model": {
                "type": "string",
                "description": "What made the queries, or embeds the texts: refused where the collection's vectors are of another model, unless it is being embedded by that one."
              },
              "limit": {"type": "integer", "description": "1 … 16384 together with offset; 10 without."},
              "offset": {"type": "integer"},
              "ef": {"type": "integer", "description": "Candidates kept while a graph is searched."},
              "probes": {
                "type": "integer",
                "description": "Lists of an inverted file that are looked into, 1 … 65536; without, about 3.5·√lists."
              },
              "exact": {"type": "boolean", "description": "Score every full-precision vector."},
              "oversampling": {"type": "number"},
              "filter": {"$ref": "#/components/schemas/Filter"},
              "range": {
                "allOf": [{"$ref": "#/components/schemas/Bounds"}],
                "description": "Scores that hits may have, in the metric's own sense."
              },
              "groupBy": {
                "type": "object",
                "description": "One group a value of a payload field; limit and offset count groups.",
                "properties": {
                  "field": {"$ref": "#/components/schemas/FieldPath"},
                  "size": {"type": "integer", "description": "Hits a group, 1 … 1000; 1 without."}
                },
                "required": ["field"],
                "additionalProperties": false
              },
              "payload": {"type": "boolean"},
              "vectors": {"type": "boolean"},
              "allowPartial": {"type": "boolean", "description": "Also of a vector field that is still being filled; refused without."}
            },
            "oneOf": [{"required": ["queries"]}, {"required": ["texts"]}],
            "additionalProperties": false
          },
          "FieldPath": {
            "description": "A member of the payload: its name, or names from the outermost member inwards.",
            "oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]
          },
          "Bounds": {
            "type": "object",
            "properties": {
              "gt": {"type": "number"},
              "gte": {"type": "number"},
              "lt": {"type": "number"},
              "lte": {"type": "number"}
            },
            "additionalProperties": false
          },
          "Filter": {
            "type": "object",
            "description": "One condition: ids; a field with equals, in, range or exists; and, or, not. A field that is missing or of another type does not match.",
            "properties": {
              "ids": {"type": "array", "items": {"$ref": "#/components/schemas/PointID"}},
              "field": {"$ref": "#/components/schemas/FieldPath"},
              "equals": {"description": "A string, a number, true, false or null."},
              "in": {"type": "array", "items": {}},
              "range": {"$ref": "#/components/schemas/Bounds"},
              "exists": {"type": "boolean"},
              "and": {"type": "array", "items": {"$ref": "#/components/schemas/Filter"}},
              "or": {"type": "array", "items": {"$ref": "#/components/schemas/Filter"}},
              "not": {"$ref": "#/components/schemas/Filter"}
            },
            "additionalProperties": false
          },
          "SearchHit": {
            "type": "object",
            "properties": {
              "id": {"$ref": "#/components/schemas/PointID"},
              "score": {
                "type": "number",
                "format": "float",
                "description": "In the metric's own sense: cosine and ip descending, l2 (squared) ascending."
              },
              "payload": {"type": "object"},
              "vector": {"type": "array", "items": {"type": "number", "format": "float"}},
              "group": {"description": "Value of the field that hits are grouped by."}
            },
            "required": ["id", "score"]
          },
          "ComparisonRequest": {
            "type": "object",
            "description": "Without queries and texts, those of the latest searches in A are asked.",
            "properties": {
              "a": {"type": "string", "description": "A collection, an alias, or a vector field as collection:field."},
              "b": {"type": "string"},
              "k": {"type": "integer", "description": "Hits of a query that are compared, 1 … 100; 10 without."},
              "queries": {
                "oneOf": [
                  {"type": "array", "items": {"type": "array", "items": {"type": "number", "format": "float"}}},
                  {
                    "type": "object",
                    "properties": {
                      "dimension": {"type": "integer"},
                      "base64": {"type": "string", "description": "little-endian float32, row after row"}
                    },
                    "required": ["dimension", "base64"]
                  }
                ],
                "description": "2,000 at most."
              },
              "queriesOfB": {"description": "The same queries by the model of B, where it is another; as 'queries'."},
              "texts": {
                "type": "array",
                "items": {"type": "string"},
                "description": "In place of queries: each side's own model makes vectors of them."
              },
              "recent": {"type": "integer", "description": "In place of queries: of the latest searches in A, so many at most; 500 without."},
              "relevant": {
                "type": "array",
                "items": {"type": "array", "items": {"$ref": "#/components/schemas/PointID"}},
                "description": "For each query the points that it should find."
              },
              "minimumOverlap": {"type": "number", "description": "Share of A's hits that B must have, 0 … 1: makes it a verdict, which the history keeps; takes a token for writing."},
              "maximumLoss": {"type": "number", "description": "By how much B's share of the relevant points may surely be lower, 0 … 1: makes it a verdict too."}
            },
            "required": ["a", "b"],
            "additionalProperties": false
          },
          "ComparedSide": {
            "type": "object",
            "properties": {
              "servedBy": {"$ref": "#/components/schemas/ServedBy"},
              "recall": {
                "allOf": [{"$ref": "#/components/schemas/MeasuredRecall"}],
                "description": "Against its own exact search."
              },
              "found": {
                "allOf": [{"$ref": "#/components/schemas/MeasuredRecall"}],
                "description": "Of the relevant points; absent where they are not known."
              },
              "p50Milliseconds": {"type": "number"},
              "p99Milliseconds": {"type": "number"}
            },
            "required": ["servedBy", "recall", "p50Milliseconds", "p99Milliseconds"]
          },
          "Comparison": {
            "type": "object",
            "properties": {
              "k": {"type": "integer"},
              "queryCount": {"type": "integer"},
              "a": {"$ref": "#/components/schemas/ComparedSide"},
              "b": {"$ref": "#/components/schemas/ComparedSide"},
              "overlap": {
                "allOf": [{"$ref": "#/components/schemas/MeasuredRecall"}],
                "description": "Share of A's hits that B has too."
              },
              "rankCorrelation": {"type": "number", "description": "Kendall's tau over the hits in common, -1 … 1; absent where there are none."},
              "recallDifference": {
                "allOf": [{"$ref": "#/components/schemas/RecallDifference"}],
                "description": "B's less A's over the same queries."
              },
              "foundDifference": {"$ref": "#/components/schemas/RecallDifference"},
              "differences": {
                "type": "array",
                "description": "The queries that the two answer least alike, ten at most.",
                "items": {
                  "type": "object",
                  "properties": {"query": {"type": "integer"}, "overlap": {"type": "number"}},
                  "required": ["query", "overlap"]
                }
              },
              "verdict": {
                "type": "object",
                "description": "Absent where nothing was to pass or fail.",
                "properties": {
                  "passed": {"type": "boolean"},
                  "measured": {"type": "string", "description": "And what was expected, for people."}
                },
                "required": ["passed", "measured"]
              }
            },
            "required": ["k", "queryCount", "a", "b", "overlap", "recallDifference", "differences"]
          },
          "ServedBy": {
            "type": "object",
            "properties": {
              "collection": {"type": "string", "description": "Its own name, never an alias."},
              "generation": {"type": "integer", "format": "int64"}
            },
            "required": ["collection", "generation"]
          },
          "SearchResponse": {
            "type": "object",
            "properties": {
              "hits": {
                "type": "array",
                "items": {"type": "array", "items": {"$ref": "#/components/schemas/SearchHit"}}
              },
              "servedBy": {"$ref": "#/components/schemas/ServedBy"},
              "bridge": {
                "type": "object",
                "description": "How queries of a model were answered whose vectors are still being made; absent else.",
                "properties": {
                  "model": {"type": "string"},
                  "rescored": {"type": "integer", "description": "Hits that were put in their place by their new vector."},
                  "estimated": {"type": "integer", "description": "Those that were by their old one, mapped."}
                },
                "required": ["model", "rescored", "estimated"]
              }
            },
            "required": ["hits", "servedBy"]
          },
          "RecallGate": {
            "type": "object",
            "properties": {
              "minimumRecall": {
                "type": "number",
                "description": "The lower end of the interval must reach this; 0.9 without. 0 measures and lets pass."
              },
              "maximumLoss": {
                "type": "number",
                "description": "The lower end of the interval of recall after minus before, on the same queries, must reach minus this."
              },
              "k": {"type": "integer"},
              "queries": {
                "oneOf": [
                  {
                    "type": "array",
                    "items": {"type": "array", "items": {"type": "number", "format": "float"}}
                  },
                  {
                    "type": "object",
                    "properties": {
                      "dimension": {"type": "integer"},
                      "base64": {"type": "string", "description": "little-endian float32, row after row"}
                    },
                    "required": ["dimension", "base64"]
                  }
                ]
              }
            },
            "additionalProperties": false
          },
          "Switch": {
            "type": "object",
            "properties": {
              "specification": {"$ref": "#/components/schemas/EncodingSpecification"},
              "gate": {"$ref": "#/components/schemas/RecallGate"},
              "limits": {"$ref": "#/components/schemas/JobLimits"},
              "priority": {"$ref": "#/components/schemas/Priority"},
              "swapAt": {"$ref": "#/components/schemas/Moment"},
              "after": {"$ref": "#/components/schemas/After"}
            },
            "required": ["specification"],
            "additionalProperties": false
          },
          "Reindex": {
            "type": "object",
            "properties": {
              "source": {"type": "string"},
              "target": {"type": "string"},
              "specification": {"$ref": "#/components/schemas/EncodingSpecification"},
              "alias": {"type": "string", "description": "Moves to the target in the instant in which it appears."},
              "ifCurrent": {
                "type": "string",
                "description": "The collection that the alias must point to when it moves; else the job fails and nothing changes."
              },
              "gate": {"$ref": "#/components/schemas/RecallGate"},
              "limits": {"$ref": "#/components/schemas/JobLimits"},
              "priority": {"$ref": "#/components/schemas/Priority"},
              "swapAt": {"$ref": "#/components/schemas/Moment"},
              "after": {"$ref": "#/components/schemas/After"}
            },
            "required": ["source", "target"],
            "additionalProperties": false
          },
          "Embedder": {
            "type": "object",
            "properties": {
              "name": {"type": "string"},
              "url": {"type": "string", "description": "Of an endpoint, path included; its host must be allowed by the server."},
              "model": {"type": "string"},
              "vectors": {"type": "string", "description": "A .npy or .fvecs file in the server's --embedder-directory, in place of an endpoint."},
              "ids": {"type": "string", "description": "The point of each row: .npy of integers, or a text file with one id a line."},
              "dimension": {"type": "integer"},
              "sendsDimension": {"type": "boolean", "description": "Ask the endpoint for that many entries."},
              "documentPrefix": {"type": "string"},
              "queryPrefix": {"type": "string"},
              "keyFile": {"type": "string", "description": "A file in --embedder-directory that holds the key."},
              "keyVariable": {"type": "string", "description": "A variable of the server's environment that holds the key; called …_API_KEY."},
              "batchTexts": {"type": "integer", "description": "Texts a request, 1 … 2048; 64 without."},
              "streams": {"type": "integer", "description": "Requests at once, 1 … 64; 4 without."},
              "timeoutSeconds": {"type": "number", "description": "60 without."},
              "requestsPerMinute": {"type": "number"},
              "tokensPerMinute": {"type": "number"},
              "pricePerMillionTokens": {"type": "number"}
            },
            "required": ["name", "dimension"],
            "additionalProperties": false
          },
          "Reembed": {
            "type": "object",
            "properties": {
              "source": {"type": "string"},
              "target": {"type": "string", "description": "The collection to make; a plan needs none."},
              "field": {"type": "string", "description": "In place of target: a vector field of the collection itself, made when missing and filled from then on."},
              "embedder": {"type": "string", "description": "Required without bm25."},
              "bm25": {
                "type": "object",
                "description": "In place of an embedder: field is a sparse vector that the server makes of the text, by BM25, with every write and, by a job, for what is there.",
                "properties": {
                  "k": {"type": "number", "description": "0 … 100; 1.2 without."},
                  "b": {"type": "number", "description": "0 … 1; 0.75 without."},
                  "averageLength": {"type": "number", "description": "Words of a text on average, 0.001 … 10⁹; 256 without."}
                },
                "additionalProperties": false
              },
              "text": {"type": "string", "description": "What is embedded, such as '{title}: {body}'; absent for files of vectors."},
              "specification": {"$ref": "#/components/schemas/EncodingSpecification"},
              "alias": {"type": "string", "description": "Moves to the target in the instant in which it appears."},
              "ifCurrent": {
                "type": "string",
                "description": "The collection that the alias must point to when it moves; else the job fails and nothing changes."
              },
              "metric": {"type": "string", "enum": ["cosine", "ip", "l2"]},
              "missing": {"type": "string", "enum": ["skip", "empty", "fail"], "description": "Of points that lack a field of the template; fail without."},
              "maximumSetAside": {"type": "integer", "description": "Points whose texts the model refuses, at most; 0 without."},
              "budget": {"type": "number", "description": "The job pauses when so much is spent; resumed, it may spend as much again."},
              "minimumAgreement": {"type": "number", "description": "Share of neighbours that both models must have in common, 0 … 1."},
              "labelledQueries": {
                "type": "array",
                "items": {"$ref": "#/components/schemas/LabelledQuery"},
                "description": "Both models are asked them before the cut-over. 10000 at most."
              },
              "maximumLabelledLoss": {
                "type": "number",
                "description": "The lower end of the interval of nDCG@10 after minus before, over labelledQueries, must reach minus this."
              },
              "bridges": {"type": "boolean", "description": "Whether queries of the new model are answered until the cut-over too; true without."},
              "gate": {"$ref": "#/components/schemas/RecallGate"},
              "limits": {"$ref": "#/components/schemas/JobLimits"},
              "priority": {"$ref": "#/components/schemas/Priority"},
              "swapAt": {"$ref": "#/components/schemas/Moment"},
              "after": {"$ref": "#/components/schemas/After"}
            },
            "required": ["source"],
            "additionalProperties": false
          },
          "LabelledQuery": {
            "type": "object",
            "properties": {
              "text": {"type": "string"},
              "relevant": {
                "type": "array",
                "items": {"oneOf": [{"type": "integer", "format": "int64"}, {"type": "string"}]},
                "description": "Ids of the points that it should find; queries of which none is there are left out."
              }
            },
            "required": ["text", "relevant"],
            "additionalProperties": false
          },
          "LabelledProof": {
            "type": "object",
            "properties": {
              "k": {"type": "integer"},
              "queries": {"type": "integer"},
              "ignored": {"type": "integer", "description": "Queries none of whose points is there."},
              "recallBefore": {"type": "number", "description": "Absent where the old model is not known."},
              "recallAfter": {"type": "number"},
              "ndcgBefore": {"type": "number"},
              "ndcgAfter": {"type": "number"},
              "recallChange": {"$ref": "#/components/schemas/RecallDifference"},
              "ndcgChange": {"$ref": "#/components/schemas/RecallDifference"}
            },
            "required": ["k", "queries", "ignored", "recallAfter", "ndcgAfter"]
          },
          "PayloadComparison": {
            "type": "object",
            "properties": {
              "points": {"type": "integer"},
              "digest": {"type": "string", "description": "Of all ids and payloads, the same in source and target."}
            },
            "required": ["points", "digest"]
          },
          "BridgeReport": {
            "type": "object",
            "properties": {
              "oldModel": {"type": "string"},
              "newModel": {"type": "string"},
              "pairs": {"type": "integer", "description": "Points that both models have embedded."},
              "recall": {
                "allOf": [{"$ref": "#/components/schemas/MeasuredRecall"}],
                "description": "Of queries mapped from the new model to the old one, on pairs left out of the fit, among the sample."
              },
              "recallUnmapped": {"$ref": "#/components/schemas/MeasuredRecall"},
              "recallOfDocuments": {
                "allOf": [{"$ref": "#/components/schemas/MeasuredRecall"}],
                "description": "Of documents mapped from the old model to the new one, likewise."
              }
            },
            "required": ["newModel", "pairs", "recall", "recallOfDocuments"]
          },
          "EmbeddingReport": {
            "type": "object",
            "properties": {
              "embedder": {"type": "string"},
              "points": {"type": "integer", "format": "int64", "description": "Whose texts were looked at."},
              "reused": {"type": "integer", "format": "int64", "description": "Of them, those whose vector was there already."},
              "texts": {"type": "integer", "format": "int64", "description": "Sent and answered."},
              "requests": {"type": "integer", "format": "int64"},
              "repeated": {"type": "integer", "format": "int64", "description": "Attempts that failed and were made again."},
              "tokens": {"type": "integer", "format": "int64"},
              "cost": {"type": "number"},
              "skipped": {"type": "integer", "format": "int64", "description": "Points without a text."},
              "setAside": {"type": "integer", "format": "int64", "description": "Points whose text is refused."},
              "exceptions": {"type": "array", "items": {"$ref": "#/components/schemas/EmbeddingException"}},
              "agreement": {"type": "number", "description": "Of both models' answers over a sample of points."},
              "knownItems": {"type": "number", "description": "Share of sampled texts that find their own point among ten."},
              "labelled": {"$ref": "#/components/schemas/LabelledProof"},
              "payloads": {"$ref": "#/components/schemas/PayloadComparison"},
              "bridge": {"$ref": "#/components/schemas/BridgeReport"},
              "requestSeconds": {"type": "number", "description": "Of all answered requests together."}
            },
            "required": ["embedder", "points", "reused", "texts", "requests", "repeated", "tokens", "skipped", "setAside", "exceptions"]
          },
          "EmbeddingException": {
            "type": "object",
            "properties": {"id": {"type": "string"}, "reason": {"type": "string"}},
            "required": ["id", "reason"]
          },
          "EmbeddingPlan": {
            "type": "object",
            "properties": {
              "points": {"type": "integer"},
              "distinctTexts": {"type": "integer"},
              "cachedTexts": {"type": "integer", "description": "Whose vectors are there from earlier jobs."},
              "skipped": {"type": "integer"},
              "exceptions": {"type": "array", "items": {"$ref": "#/components/schemas/EmbeddingException"}},
              "tokens": {"type": "integer", "format": "int64", "description": "A quarter of the bytes to send."},
              "requests": {"type": "integer"},
              "secondsMin": {"type": "number", "description": "By the embedder's limits."},
              "secondsExpected": {"type": "number", "description": "At the pace of the embedder's last job; absent where there was none."},
              "cost": {"type": "number"},
              "diskNeeded": {"type": "integer", "format": "int64"},
              "example": {"type": "string", "description": "The first text."}
            },
            "required": ["points", "distinctTexts", "cachedTexts", "skipped", "exceptions", "tokens", "requests", "diskNeeded"]
          },
          "JobLimits": {
            "type": "object",
            "properties": {
              "rowsPerSecond": {"type": "number", "description": "Rows copied or encoded a second at most."},
              "maximumP99Rise": {
                "type": "number",
                "description": "The job slows itself while the p99 of searches is further above the idle one: 0.25 is a quarter."
              },
              "memoryBytes": {"type": "integer", "format": "int64", "description": "Beside the codes and graphs that it makes."}
            },
            "additionalProperties": false
          },
          "SwitchPlan": {
            "type": "object",
            "properties": {
              "rows": {"type": "integer"},
              "bytesPerVectorBefore": {"type": "integer"},
              "bytesPerVectorAfter": {"type": "integer", "description": "At most."},
              "graph": {"type": "string", "enum": ["kept", "built"]},
              "trainingRows": {"type": "integer"},
              "diskNeeded": {"type": "integer", "format": "int64", "description": "Bytes of new files at most."},
              "diskFree": {"type": "integer", "format": "int64"},
              "memoryNeeded": {"type": "integer", "format": "int64", "description": "Bytes beside codes and graphs, at most."},
              "memoryFree": {"type": "integer", "format": "int64"},
              "predictedSeconds": {"type": "number"},
              "basis": {"type": "string", "description": "What the prediction rests on, or why there is none."},
              "tiers": {"type": "array", "items": {"$ref": "#/components/schemas/PlannedTier"}},
              "reused": {"type": "array", "items": {"type": "string"}, "description": "What is not made anew."},
              "recall": {"$ref": "#/components/schemas/PlannedRecall"}
            },
            "required": [
              "rows", "bytesPerVectorBefore", "bytesPerVectorAfter", "trainingRows", "diskNeeded", "diskFree",
              "memoryNeeded", "basis", "tiers", "reused"
            ]
          },
          "PlannedTier": {
            "type": "object",
            "properties": {
              "kind": {"type": "string", "enum": ["vectors", "codes", "index"]},
              "before": {"type": "integer", "format": "int64", "description": "Bytes on disk."},
              "after": {"type": "integer", "format": "int64", "description": "At most."}
            },
            "required": ["kind", "before", "after"]
          },
          "PlannedRecall": {
            "type": "object",
            "description": "Of the codes on sample rows, against exact search among the same rows. More rows are harder.",
            "properties": {
              "searched": {"$ref": "#/components/schemas/MeasuredRecall"},
              "codesAlone": {"$ref": "#/components/schemas/MeasuredRecall"},
              "rows": {"type": "integer"},
              "querySource": {"type": "string"}
            },
            "required": ["searched", "codesAlone", "rows", "querySource"]
          },
          "After": {
            "type": "array",
            "items": {"type": "integer", "format": "int64"},
            "description": "Jobs that must complete first. When one of them does not, this one fails."
          },
          "Rollback": {
            "type": "object",
            "properties": {
              "ifCurrent": {
                "type": "integer",
                "format": "int64",
                "description": "Only if this generation is live now; else 409."
              },
              "force": {
                "type": "boolean",
                "description": "Move the alias back although points were written since that the collection before does not have; else 409."
              }
            },
            "additionalProperties": false
          },
          "JobLimitsChange": {
            "type": "object",
            "description": "What is left out stays; none lifts a limit, so that the server's own applies.",
            "properties": {
              "rowsPerSecond": {"oneOf": [{"type": "number"}, {"type": "string", "enum": ["none"]}]},
              "maximumP99Rise": {"oneOf": [{"type": "number"}, {"type": "string", "enum": ["none"]}]},
              "memoryBytes": {
                "oneOf": [{"type": "integer", "format": "int64"}, {"type": "string", "enum": ["none"]}]
              }
            },
            "minProperties": 1,
            "additionalProperties": false
          },
          "JobStatus": {
            "type": "object",
            "properties": {
              "job": {"$ref": "#/components/schemas/JobInfo"},
              "building": {"type": "integer", "format": "int64", "description": "The generation that it makes."},
              "lagOperations": {
                "type": "integer",
                "description": "Writes that what it makes does not have yet; it gets them before it goes live."
              },
              "gate": {"type": "string", "enum": ["pending", "passed", "failed"]},
              "memoryBytes": {
                "type": "integer",
                "format": "int64",
                "description": "What the process has more on its heap than when the attempt began; other work counts too."
              },
              "p99Change": {
                "type": "number",
                "description": "The p99 of searches beside jobs as a share above that without: 0.03 is 3 %."
              },
              "limits": {"$ref": "#/components/schemas/JobLimits"},
              "diskFree": {"type": "integer", "format": "int64", "description": "While it waits for room."}
            },
            "required": ["job", "limits"]
          },
          "CollectionStatus": {
            "type": "object",
            "properties": {
              "collection": {"type": "string", "description": "Its own name, never an alias."},
              "generation": {"type": "integer", "format": "int64"},
              "specification": {"$ref": "#/components/schemas/EncodingSpecification"},
              "rows": {"type": "integer"},
              "jobs": {"type": "array", "items": {"$ref": "#/components/schemas/JobStatus"}},
              "last": {"$ref": "#/components/schemas/JobInfo"}
            },
            "required": ["collection", "generation", "specification", "rows", "jobs"]
          },
          "Priority": {
            "type": "integer",
            "minimum": -100,
            "maximum": 100,
            "description": "Higher goes first, 0 without. A step is worth ten minutes of waiting, so nothing waits for ever."
          },
          "Moment": {
            "description": "Milliseconds since 1970, or manual: when a person releases the job. It goes live then and not before.",
            "oneOf": [{"type": "integer", "format": "int64"}, {"type": "string", "enum": ["manual"]}]
          },
          "HoldJob": {
            "type": "object",
            "properties": {"until": {"$ref": "#/components/schemas/Moment"}},
            "required": ["until"],
            "additionalProperties": false
          },
          "JobPriority": {
            "type": "object",
            "properties": {"priority": {"$ref": "#/components/schemas/Priority"}},
            "required": ["priority"],
            "additionalProperties": false
          },
          "JobProgress": {
            "type": "object",
            "properties": {
              "phase": {"type": "string"},
              "rowsDone": {"type": "integer", "format": "int64"},
              "rowsTotal": {"type": "integer", "format": "int64"},
              "rowsPerSecond": {"type": "number"},
              "etaSeconds": {"type": "number"}
            },
            "required": ["phase", "rowsDone", "rowsTotal"]
          },
          "JobInfo": {
            "type": "object",
            "properties": {
              "id": {"type": "integer", "format": "int64"},
              "kind": {"type": "string", "enum": ["switch", "reindex", "reembed", "embed", "bm25", "import", "index", "merge", "retire"]},
              "subject": {"type": "string"},
              "state": {
                "type": "string",
                "enum": ["available", "running", "retrying", "held", "paused", "completed", "failed", "cancelled"]
              },
              "priority": {"$ref": "#/components/schemas/Priority"},
              "attempt": {"type": "integer"},
              "attemptsMax": {"type": "integer"},
              "progress": {"$ref": "#/components/schemas/JobProgress"},
              "createdAt": {"type": "integer", "format": "int64"},
              "startedAt": {"type": "integer", "format": "int64"},
              "finishedAt": {"type": "integer", "format": "int64"},
              "runAt": {"type": "integer", "format": "int64"},
              "heldUntil": {
                "type": "integer",
                "format": "int64",
                "description": "What it makes does not go live before; 253402300799000: until it is released."
              },
              "cancelRequested": {"type": "boolean"},
              "pauseRequested": {"type": "boolean"},
              "requestedBy": {"type": "string"},
              "after": {"$ref": "#/components/schemas/After"},
              "roomNeeded": {
                "type": "integer",
                "format": "int64",
                "description": "It waits until so many bytes are free where the data directory lies."
              },
              "error": {"type": "string"},
              "errorCode": {"type": "string"},
              "report": {"$ref": "#/components/schemas/SwitchReport"},
              "generation": {"type": "integer", "format": "int64", "description": "The one that became live."},
              "embedding": {"$ref": "#/components/schemas/EmbeddingReport"}
            },
            "required": [
              "id",
              "kind",
              "subject",
              "state",
              "priority",
              "attempt",
              "attemptsMax",
              "progress",
              "createdAt",
              "runAt",
              "cancelRequested",
              "pauseRequested"
            ]
          },
          "HistoryEntry": {
            "type": "object",
            "properties": {
              "id": {"type": "integer", "format": "int64"},
              "at": {"type": "integer", "format": "int64", "description": "Milliseconds since 1970."},
              "action": {
                "type": "string",
                "enum": ["aliasCreated", "aliasMoved", "aliasRolledBack", "aliasDropped", "collectionCreated", "collectionReindexed", "collectionRestored", "collectionDropped", "generationSwitched", "generationRolledBack", "generationRetired", "defaultFieldMoved", "comparisonPassed", "comparisonFailed"]
              },
              "name": {"type": "string", "description": "The alias or collection; of a comparison the first of the two."},
              "before": {"type": "string", "description": "A collection, a generation as '7 int8', or a vector field."},
              "after": {"type": "string", "description": "Of a comparison the second of the two."},
              "detail": {"type": "string", "description": "What was measured."},
              "job": {"type": "integer", "format": "int64"},
              "requestedBy": {"type": "string", "description": "What the header moult-requester said."}
            },
            "required": ["id", "at", "action", "name"]
          },
          "Alias": {
            "type": "object",
            "properties": {"alias": {"type": "string"}, "collection": {"type": "string"}},
            "required": ["alias", "collection"]
          },
          "RestoreReport": {
            "type": "object",
            "properties": {
              "collections": {"type": "array", "items": {"$ref": "#/components/schemas/RestoredCollection"}},
              "aliases": {"type": "array", "items": {"$ref": "#/components/schemas/AliasChange"}}
            },
            "required": ["collections", "aliases"]
          },
          "RestoredCollection": {
            "type": "object",
            "properties": {
              "name": {"type": "string"},
              "source": {"type": "string", "description": "Its name in the backup."},
              "rows": {"type": "integer"},
              "sequence": {"type": "integer", "description": "The last batch of writes that is in it."},
              "generation": {"type": "integer", "description": "The one that answers."},
              "replaced": {"type": "boolean", "description": "Whether it took the place of another one."}
            },
            "required": ["name", "source", "rows", "sequence", "generation", "replaced"]
          },
          "AliasAction": {
            "type": "object",
            "description": "Each action sees what those before it did.",
            "properties": {
              "action": {
                "type": "string",
                "enum": ["create", "alter", "set", "drop", "rename", "swap"],
                "description": "set makes or moves; swap lets two aliases exchange their collections."
              },
              "alias": {"type": "string"},
              "collection": {"type": "string", "description": "Of create, alter and set; may be named by an alias."},
              "to": {"type": "string", "description": "Of rename: the new name, which no alias may have."},
              "with": {"type": "string", "description": "Of swap: the other alias."},
              "ifCurrent": {
                "type": "string",
                "description": "Of alter, drop and rename: only if the alias points to this collection now; else 409."
              },
              "ifAbsent": {
                "type": "boolean",
                "description": "Of create: 409 also when the alias points to the collection already."
              },
              "ifExists": {"type": "boolean", "description": "Of drop: passes over an alias that is not there."}
            },
            "required": ["action", "alias"]
          },
          "AliasChange": {
            "type": "object",
            "properties": {
              "alias": {"type": "string"},
              "before": {"type": "string", "description": "Absent when the alias was not there."},
              "after": {"type": "string", "description": "Absent when the alias is gone."}
            },
            "required": ["alias"]
          },
          "AlterAlias": {
            "type": "object",
            "properties": {
              "collection": {"type": "string"},
              "ifCurrent": {
                "type": "string",
                "description": "Move only if the alias points to this collection now; else 409."
              }
            },
            "required": ["collection"],
            "additionalProperties": false
          }
        }
      }
    }
    """#
}
