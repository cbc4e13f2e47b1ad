{{/* The variables both processes read. The rest of what they know comes from Secrets. */}}
{{- define "queue-system.commonConfig" -}}
ENV: production
LOG_LEVEL: {{ .Values.logLevel }}
METRICS_HOST: "::"
METRICS_PORT: "9090"
{{ include "queue-system.redisWay" . }}
{{- if .Values.redis.enabled }}
REDIS_USERNAME: queue
REDIS_TLS: {{ .Values.redis.tls.enabled | quote }}
{{- else }}
{{- with .Values.externalRedis.username }}
REDIS_USERNAME: {{ . | quote }}
{{- end }}
REDIS_DATABASE: {{ .Values.externalRedis.database | int | quote }}
REDIS_TLS: {{ .Values.externalRedis.tls.enabled | quote }}
{{- end }}
{{- if include "queue-system.redisCASecret" . }}
REDIS_CA_FILE: /etc/queue-system/redis-ca/{{ include "queue-system.redisCAKey" . }}
{{- end }}
{{ include "queue-system.queueConfig" .Values.queue }}
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

{{/* A duration such as 1m30s in whole seconds. */}}
{{- define "queue-system.seconds" -}}
{{- $start := toDate "2006-01-02" "2000-01-01" -}}
{{- sub (mustDateModify . $start | unixEpoch) ($start | unixEpoch) -}}
{{- end -}}
