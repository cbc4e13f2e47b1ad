{{/* The hosts of the Ingress, as JSON in the form of ingress.hosts: those, or the one host. */}}
{{- define "queue-system.ingressHosts" -}}
{{- $hosts := list -}}
{{- with .Values.ingress -}}
{{- range default (list (dict "host" .host "paths" (list .path) "tlsSecret" .tlsSecret)) .hosts -}}
{{- $hosts = append $hosts (merge (dict) . (dict "paths" (list "/") "tlsSecret" "")) -}}
{{- end -}}
{{- end -}}
{{- toJson $hosts -}}
{{- end -}}

{{/* The names by which clients come from outside, as JSON. */}}
{{- define "queue-system.publicHosts" -}}
{{- $names := list -}}
{{- if .Values.ingress.enabled -}}
{{- range include "queue-system.ingressHosts" . | fromJsonArray -}}
{{- $names = append $names .host -}}
{{- end -}}
{{- end -}}
{{- if .Values.httpRoute.enabled -}}
{{- $names = concat $names .Values.httpRoute.hostnames -}}
{{- end -}}
{{- compact $names | toJson -}}
{{- end -}}

{{/* Metadata of an Ingress or HTTPRoute. Arguments: list ROOT COMPONENT VALUES. */}}
{{- define "queue-system.entryMetadata" -}}
name: {{ include "queue-system.fullname" (index . 0) }}-{{ index . 1 }}
labels:
  {{- include "queue-system.labels" (list (index . 0) (index . 1)) | nindent 2 }}
  {{- with (index . 2).labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with (index . 2).annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Class and certificates of an Ingress. Arguments: list ROOT HOSTS. */}}
{{- define "queue-system.ingressHead" -}}
{{- with (index . 0).Values.ingress.className }}
ingressClassName: {{ . }}
{{- end }}
{{- $tls := list }}
{{- range index . 1 }}
{{- if .tlsSecret }}{{ $tls = append $tls (dict "secretName" .tlsSecret "hosts" (list .host)) }}{{ end }}
{{- end }}
{{- with $tls }}
tls:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
