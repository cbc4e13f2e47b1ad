{{/* What of Ingress and HTTPRoute cannot work, as a JSON list of sentences. */}}
{{- define "queue-system.wrongEntry" -}}
{{- $wrong := list -}}
{{- $route := .Values.httpRoute -}}
{{- with .Values.ingress -}}
{{- if and .enabled $route.enabled -}}
{{- $wrong = append $wrong "ingress.enabled and httpRoute.enabled are both true: the API has one way in from outside. Set one of them to false." -}}
{{- end -}}
{{- if and .hosts (or .host .tlsSecret) -}}
{{- $wrong = append $wrong "ingress.hosts is set beside ingress.host or ingress.tlsSecret: list all hosts with their certificates in ingress.hosts, and leave the others empty." -}}
{{- end -}}
{{- if and .tlsSecret (not .host) -}}
{{- $wrong = append $wrong "ingress.tlsSecret needs ingress.host: a certificate is for a name." -}}
{{- end -}}
{{- end -}}
{{- if and $route.enabled (not $route.parentRefs) -}}
{{- $wrong = append $wrong "httpRoute.enabled needs httpRoute.parentRefs: name the Gateway, `[{name: public, namespace: gateways}]`." -}}
{{- end -}}
{{- with .Values.dashboard -}}
{{- if and .tlsSecret (not .host) -}}
{{- $wrong = append $wrong "dashboard.tlsSecret needs dashboard.host: a certificate is for a name." -}}
{{- end -}}
{{- $shared := or (not .host) (has .host (include "queue-system.publicHosts" $ | fromJsonArray)) -}}
{{- $first := index (splitList "/" .path) 1 -}}
{{- if and .enabled $shared (has $first (list "" "api" "docs" "health" "ready")) (or $.Values.ingress.enabled $route.enabled) -}}
{{- $wrong = append $wrong (printf "dashboard.path=%s needs a dashboard.host of its own: at the API's hosts this path is the API's." .path) -}}
{{- end -}}
{{- if and .trustedHeader.name (not .trustedHeader.existingSecret) -}}
{{- $wrong = append $wrong "dashboard.trustedHeader.name needs dashboard.trustedHeader.existingSecret: the Secret with the API key that its users have." -}}
{{- end -}}
{{- end -}}
{{- toJson $wrong -}}
{{- end -}}

{{/* The APIs that settings need, by setting, as JSON. */}}
{{- define "queue-system.neededAPIs" -}}
{{- $needed := dict -}}
{{- if eq .Values.worker.autoscaling.mode "keda" -}}
{{- $_ := set $needed "worker.autoscaling.mode=keda" "keda.sh/v1alpha1/ScaledObject" -}}
{{- end -}}
{{- if .Values.metrics.serviceMonitor.enabled -}}
{{- $_ := set $needed "metrics.serviceMonitor.enabled" "monitoring.coreos.com/v1/ServiceMonitor" -}}
{{- end -}}
{{- if .Values.metrics.prometheusRule.enabled -}}
{{- $_ := set $needed "metrics.prometheusRule.enabled" "monitoring.coreos.com/v1/PrometheusRule" -}}
{{- end -}}
{{- if .Values.httpRoute.enabled -}}
{{- $_ := set $needed "httpRoute.enabled" "gateway.networking.k8s.io/v1/HTTPRoute" -}}
{{- end -}}
{{- toJson $needed -}}
{{- end -}}
