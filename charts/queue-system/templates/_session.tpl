{{/* The Secret with the session secret. */}}
{{- define "queue-system.dashboardSecret" -}}
{{- default (printf "%s-dashboard" (include "queue-system.fullname" .)) .Values.dashboard.existingSecret -}}
{{- end -}}

{{/* The generated one: that which is there, or a new one; empty if Helm does not reach the cluster. */}}
{{- define "queue-system.sessionSecret" -}}
{{- if not (hasKey .Values.dashboard "generated") -}}
{{- $found := lookup "v1" "Secret" .Release.Namespace (include "queue-system.dashboardSecret" .) | default dict -}}
{{- $kept := get ($found.data | default dict) .Values.dashboard.existingSecretSessionKey -}}
{{- $new := ternary (randAlphaNum 40) "" (eq (include "queue-system.connected" .) "true") -}}
{{- $_ := set .Values.dashboard "generated" (ternary ($kept | b64dec) $new (ne $kept "")) -}}
{{- end -}}
{{- .Values.dashboard.generated -}}
{{- end -}}

{{/* Changes with the session secret, so that an upgrade rolls the dashboard. */}}
{{- define "queue-system.sessionChecksum" -}}
{{- if .Values.dashboard.existingSecret -}}
{{- include "queue-system.secretRevision" (list . .Values.dashboard.existingSecret) -}}
{{- else -}}
{{- with include "queue-system.sessionSecret" . }}{{ sha256sum . }}{{ end -}}
{{- end -}}
{{- end -}}
