{{/* The variables both processes read. The rest of what they know comes from Secrets. */}}
{{- define "queue-system.commonConfig" -}}
ENV: production
LOG_LEVEL: {{ .Values.logLevel }}
METRICS_HOST: "::"
METRICS_PORT: "9090"
{{ include "queue-system.redisWay" . }}
{{- if not .Values.redis.enabled }}
{{- with .Values.externalRedis.username }}
REDIS_USERNAME: {{ . | quote }}
{{- end }}
REDIS_DATABASE: {{ .Values.externalRedis.database | int | quote }}
REDIS_TLS: {{ .Values.externalRedis.tls.enabled | quote }}
{{- if .Values.externalRedis.tls.caSecret }}
REDIS_CA_FILE: /etc/queue-system/redis-ca/{{ .Values.externalRedis.tls.caSecretKey }}
{{- end }}
{{- end }}
{{- with .Values.queue }}
QUEUE_NAME: {{ .name | quote }}
DURABILITY: {{ .durability }}
LANE_CONCURRENCY: {{ .laneConcurrency | int | quote }}
RESULT_TTL: {{ .resultTTL | quote }}
RESULT_MAX: {{ .resultMax | int64 | quote }}
RESULT_MAX_BYTES: {{ .resultMaxBytes | quote }}
DEAD_TTL: {{ .deadTTL | quote }}
DEAD_MAX: {{ .deadMax | int64 | quote }}
DEAD_MAX_BYTES: {{ .deadMaxBytes | quote }}
WORKER_RETRY_INTERVAL: {{ .retryInterval | quote }}
WORKER_RETRY_DEADLINE: {{ .retryDeadline | quote }}
{{- end }}
{{- with include "queue-system.otlpEndpoint" . }}
OTEL_EXPORTER_OTLP_ENDPOINT: {{ . | quote }}
{{- end }}
{{- if .Values.jaeger.enabled }}
OTEL_METRICS_EXPORTER: none # Jaeger takes none
{{- end }}
{{- with .Values.telemetry }}
{{- with .sampler }}
OTEL_TRACES_SAMPLER: {{ . }}
{{- end }}
{{- with .samplerArg }}
OTEL_TRACES_SAMPLER_ARG: {{ . | quote }}
{{- end }}
TRACE_RATE_LIMIT: {{ .traceRateLimit | int | quote }}
{{- with .traceUrlTemplate }}
TRACE_URL_TEMPLATE: {{ . | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "queue-system.otlpEndpoint" -}}
{{- if .Values.jaeger.enabled -}}
http://{{ include "queue-system.fullname" . }}-jaeger:4318
{{- else -}}
{{- .Values.telemetry.endpoint -}}
{{- end -}}
{{- end -}}
