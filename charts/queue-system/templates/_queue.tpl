{{/* What all processes must agree on about the queue. Argument: .Values.queue. */}}
{{- define "queue-system.queueConfig" -}}
QUEUE_NAME: {{ .name | quote }}
DURABILITY: {{ .durability }}
LANE_CONCURRENCY: {{ .laneConcurrency | int | quote }}
MAX_BACKLOG: {{ .maxBacklog | int64 | quote }}
MAX_LANE_BACKLOG: {{ .maxLaneBacklog | int64 | quote }}
IDEMPOTENCY_TTL: {{ .idempotencyTTL | quote }}
IDEMPOTENCY_MAX: {{ .idempotencyMax | int64 | quote }}
RESULT_TTL: {{ .resultTTL | quote }}
RESULT_MAX: {{ .resultMax | int64 | quote }}
RESULT_MAX_BYTES: {{ .resultMaxBytes | quote }}
RESULT_FULL_TTL: {{ .resultFullTTL | quote }}
RESULT_FULL_MAX_BYTES: {{ .resultFullMaxBytes | quote }}
DEAD_TTL: {{ .deadTTL | quote }}
DEAD_MAX: {{ .deadMax | int64 | quote }}
DEAD_MAX_BYTES: {{ .deadMaxBytes | quote }}
WORKER_RETRY_INTERVAL: {{ .retryInterval | quote }}
WORKER_RETRY_DEADLINE: {{ .retryDeadline | quote }}
{{- end -}}
