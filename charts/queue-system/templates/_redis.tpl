{{- define "queue-system.redisAddress" -}}
{{- if .Values.redis.enabled -}}
{{ include "redis.fullname" .Subcharts.redis }}:6379
{{- else -}}
{{- $host := .Values.externalRedis.host -}}
{{ ternary (printf "[%s]" $host) $host (contains ":" $host) }}:{{ .Values.externalRedis.port | int }}
{{- end -}}
{{- end -}}

{{/* The Secret that holds the password; empty: there is none. */}}
{{- define "queue-system.redisSecret" -}}
{{- if .Values.redis.enabled -}}
{{- include "redis.secretName" .Subcharts.redis -}}
{{- else -}}
{{- .Values.externalRedis.existingSecret -}}
{{- end -}}
{{- end -}}

{{- define "queue-system.redisSecretKey" -}}
{{- if .Values.redis.enabled -}}
{{- .Values.redis.auth.existingSecretPasswordKey -}}
{{- else -}}
{{- .Values.externalRedis.existingSecretPasswordKey -}}
{{- end -}}
{{- end -}}

{{- define "queue-system.redisEnv" -}}
{{- with include "queue-system.redisSecret" . }}
- name: REDIS_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ . }}
      key: {{ include "queue-system.redisSecretKey" $ }}
{{- end }}
{{- with include "queue-system.sentinelSecret" . }}
- name: REDIS_SENTINEL_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ . }}
      key: {{ $.Values.externalRedis.sentinel.existingSecretPasswordKey }}
{{- end }}
{{- end -}}

{{/* Changes when one of the Secrets does, so that an upgrade rolls the pods that read it. */}}
{{- define "queue-system.redisChecksum" -}}
{{- if .Values.redis.enabled -}}
{{- include "redis.secretChecksum" .Subcharts.redis -}}
{{- else -}}
{{- $external := .Values.externalRedis -}}
{{- range compact (list $external.existingSecret $external.tls.caSecret (include "queue-system.sentinelSecret" .) | uniq) -}}
{{- $found := lookup "v1" "Secret" $.Release.Namespace . | default dict -}}
{{- with $found.metadata }}{{ .uid }}-{{ .resourceVersion }}.{{ end -}}
{{- end -}}
{{- end -}}
{{- end -}}
