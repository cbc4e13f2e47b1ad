{{/* How both processes find Redis: by an address, or by Sentinels that name it. */}}
{{- define "queue-system.redisWay" -}}
{{- $sentinel := .Values.externalRedis.sentinel -}}
{{- if or .Values.redis.enabled (not $sentinel.addresses) -}}
REDIS_ADDR: {{ include "queue-system.redisAddress" . | quote }}
{{- else -}}
REDIS_SENTINELS: {{ join "," $sentinel.addresses | quote }}
REDIS_MASTER_NAME: {{ $sentinel.masterName | quote }}
{{- with $sentinel.username }}
REDIS_SENTINEL_USERNAME: {{ . | quote }}
{{- end }}
REDIS_SENTINEL_TLS: {{ $sentinel.tls | quote }}
{{- end -}}
{{- end -}}

{{/* The Secret with the password at the Sentinels; empty: there is none. */}}
{{- define "queue-system.sentinelSecret" -}}
{{- $sentinel := .Values.externalRedis.sentinel -}}
{{- if and (not .Values.redis.enabled) $sentinel.addresses -}}
{{- $sentinel.existingSecret -}}
{{- end -}}
{{- end -}}

{{/* The ports of an external Redis, and of its Sentinels. */}}
{{- define "queue-system.externalRedisPorts" -}}
{{- $ports := list (.Values.externalRedis.port | int) -}}
{{- range .Values.externalRedis.sentinel.addresses -}}
{{- $ports = append $ports (regexFind "[0-9]+$" . | int) -}}
{{- end -}}
{{- range uniq $ports }}
- {protocol: TCP, port: {{ . }}}
{{- end }}
{{- end -}}
