{{- define "queue-system.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "queue-system.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: {{ .Values.readOnlyRootFilesystem }}
capabilities:
  drop: [ALL]
{{- end -}}

{{/* Annotations and labels of a pod. Arguments: list ROOT COMPONENT. */}}
{{- define "queue-system.podMetadata" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
{{- $values := get $root.Values $component -}}
annotations:
  checksum/config: {{ include (print $root.Template.BasePath "/" $component "/configmap.yaml") $root | sha256sum }}
  {{- if eq $component "dashboard" }}
  {{- with include "queue-system.sessionChecksum" $root }}
  checksum/session-secret: {{ . | quote }}
  {{- end }}
  {{- else }}
  {{- with include "queue-system.redisChecksum" $root }}
  checksum/redis-secret: {{ . | quote }}
  {{- end }}
  {{- with include "queue-system.sealingChecksum" . }}
  checksum/sealing-secrets: {{ . | quote }}
  {{- end }}
  {{- end }}
  {{- if eq $component "api" }}
  {{- with include "queue-system.authChecksum" $root }}
  checksum/auth-secret: {{ . | quote }}
  {{- end }}
  {{- end }}
  {{- with $values.podAnnotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
labels:
  {{- include "queue-system.labels" . | nindent 2 }}
  {{- with $values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}
