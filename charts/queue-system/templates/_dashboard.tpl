{{/* The hosts of the dashboard's Ingress, as JSON in the form of ingress.hosts. */}}
{{- define "queue-system.dashboardHosts" -}}
{{- with .Values.dashboard -}}
{{- if .host -}}
{{- list (dict "host" .host "tlsSecret" .tlsSecret) | toJson -}}
{{- else -}}
{{- include "queue-system.ingressHosts" $ -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* If there is a way in from outside with names, only these names and those of the Service. */}}
{{- define "queue-system.dashboardAllowedHosts" -}}
{{- $hosts := include "queue-system.publicHosts" . | fromJsonArray -}}
{{- if .Values.dashboard.host -}}
{{- $hosts = list .Values.dashboard.host -}}
{{- end -}}
{{- if and $hosts (or .Values.ingress.enabled .Values.httpRoute.enabled) -}}
{{- $service := printf "%s-dashboard" (include "queue-system.fullname" .) -}}
{{- join "," (concat $hosts (list $service (printf "%s.%s" $service .Release.Namespace) (printf "%s.%s.svc" $service .Release.Namespace))) -}}
{{- end -}}
{{- end -}}

{{- define "queue-system.publicApiUrl" -}}
{{- if .Values.dashboard.publicApiUrl -}}
{{- .Values.dashboard.publicApiUrl -}}
{{- else -}}
{{- include "queue-system.taskUrl" . -}}
{{- end -}}
{{- end -}}

{{- define "queue-system.dashboardEnv" -}}
- name: DASHBOARD_SESSION_SECRET
  valueFrom:
    secretKeyRef:
      name: {{ include "queue-system.dashboardSecret" . }}
      key: {{ .Values.dashboard.existingSecretSessionKey }}
{{- if .Values.dashboard.trustedHeader.name }}
- name: DASHBOARD_API_KEY
  valueFrom:
    secretKeyRef:
      name: {{ .Values.dashboard.trustedHeader.existingSecret }}
      key: {{ .Values.dashboard.trustedHeader.existingSecretKey }}
{{- end }}
{{- with .Values.dashboard.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}
